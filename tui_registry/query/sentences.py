"""The language in words, from the parser's own tables, and a query in words: for help and the line under a search."""

from __future__ import annotations

from typing import Final

from tui_registry.records.schema import MAX_TIME
from tui_registry.text import safe_text

from .fields import FIELDS, RANGES, SORTS, is_hex, measured
from .intervals import amount, bounds_text, moment_text
from .nodes import And, Match, Node, Not, Or, Query, Range, Text, one_field
from .syntax import MAX_DEPTH, MAX_LENGTH, MAX_TERMS


def describe(query: Query) -> str:
    """The query in one line of plain words, safe to show."""
    parts = ["everything" if query.where is None else _words(query.where)]
    if query.sort is not None:
        parts.append(SORTS[query.sort.key][query.sort.descending])
    if query.unfinished:
        parts.append("without its unfinished end")
    return safe_text("; ".join(parts))


# ---- a query in words ------------------------------------------------------------------------------------------------

_FLAGS = {
    "mine": "signed by your key",
    "conflict": "in conflict",
    "invalid": "breaking a rule",
    "formfile": "carrying a Formfile",
    "manifest": "with a manifest",
    "orphaned": "naming a model that is not here",
    "artifact": "with files",
    "digest": "with digests of its files",
    "starred": "starred by you",
    "new": "come from others since you looked",
    "watched": "of what you watch",
    "note": "with a note of yours",
}
_COMPARED = {"<": "under ", "<=": "most ", ">": "over ", ">=": "least ", "=": "exactly "}
_FITS = {
    "runs": "that run on this machine",
    "offload": "that run on its GPU and memory together",
    "no": "that do not run on this machine",
    "unknown": "of which nothing tells what they need",
}


def _words(node: Node, inner: bool = False) -> str:
    match node:
        case Text(words, prefix, in_name, owner):
            typed = f"{' '.join(words[:owner])}/{' '.join(words[owner:])}" if owner else " ".join(words)
            return f"“{typed}{'…' if prefix else ''}”{' in the name' if in_name else ''}"
        case Match(field, value):
            return _match(field, [value])
        case Range():
            return _range(node)
        case Not(inside):
            text = _words(inside)
            return f"not ({text})" if isinstance(inside, And | Or) else f"not {text}"
        case And(nodes):
            text = ", ".join([_words(part, True) for part in nodes])
            return f"({text})" if inner else text
        case Or(nodes):
            name = one_field(node)
            if name is not None:
                return _match(name, [part.value for part in nodes if isinstance(part, Match)])
            text = " or ".join([_words(part, True) for part in nodes])
            return f"({text})" if inner else text


def _match(name: str, values: list[str]) -> str:
    field = FIELDS[name]
    if field.shape == "flag":
        return " or ".join([_FLAGS[value] for value in values])
    if field.shape == "kind":
        return " or ".join([f"{value}s" for value in values])
    if field.shape == "fit":
        kinds = [_FITS.get(value, f"that run on a GPU with {_size(value)}") for value in values]
        return f"models {' or '.join(kinds)}"
    if field.shape == "note":
        return f"your note says {' or '.join(f'“{value}…”' for value in values)}"
    if field.shape == "eval":
        return f"measured by {' or '.join(map(_measured, values))}"
    begins = field.shape == "hex" or (field.shape == "model" and all(map(is_hex, values)))
    how = "beginning with " if begins else "exactly " if field.shape == "name" else ""
    return f"{field.label} {how}{' or '.join(values)}"


def _measured(value: str) -> str:
    benchmark, sign, number = measured(value)
    return benchmark if number is None else f"{benchmark} at {_COMPARED[sign]}{number:g}"


def _range(bounds: Range) -> str:
    field = FIELDS[bounds.field]
    low, high = bounds.low, bounds.high
    if low is not None and high is not None and low > high:
        return f"{field.label} that no record can have"
    if field.shape == "time":
        return f"{field.label} {_times(low, high)}"
    first = None if low is None else amount(field, low)
    last = None if high is None else amount(field, high)
    text = bounds_text(field, (low, high))
    if low == high:
        return f"{field.label} exactly {_spoken(first or '')}"
    if first is not None and last is not None:
        if ".." not in text:
            return f"{field.label} about {_spoken(text)}"
        return f"{field.label} from {_spoken(first)} to {_spoken(last)}"
    sign = text.rstrip("0123456789.kmgbt")
    word = {"<": "under", "<=": "at most", ">": "over", ">=": "at least"}[sign]
    return f"{field.label} {word} {_spoken(text.removeprefix(sign))}"


def _spoken(number_text: str) -> str:
    """`7.6b` -> `7.6 B`, `32k` -> `32 k`, `16gb` -> `16 GB`."""
    digits = number_text.rstrip("kmgbt")
    unit = number_text[len(digits) :]
    number = f"{int(digits):,}" if digits.isdigit() else digits
    return f"{number} {unit if unit == 'k' else unit.upper()}" if unit else number


def _size(value: str) -> str:
    """`24gb` -> `24 GB`, `24gib` -> `24 GiB`: the one is 10^9 bytes, the other 2^30."""
    digits = value.rstrip("gibmt")
    unit = value[len(digits) :].upper()
    return f"{digits} {unit if len(unit) > 1 else f'{unit}B'}".replace("IB", "iB")


def _times(low: int | None, high: int | None) -> str:
    if low is None and high is not None:
        return f"before {moment_text(high + 1)}" if high < MAX_TIME else "at any time"
    if high is None:
        return f"since {moment_text(low or 0)}"
    text = bounds_text(FIELDS["updated"], (low, high))
    first, dots, last = text.partition("..")
    return f"from {first} to {last}" if dots else f"in {text}" if len(text) < 10 else f"on {text}"


# ---- the language in words -------------------------------------------------------------------------------------------

_TEXT: Final = """\
Words
  llama chat            records with both words, in the name, description, tags, capabilities or tools;
                        each may be the beginning of one: `lla` finds llama, `qwen 7b` Qwen2.5-7B-Instruct
  deepseek gpt4 qwen25  names are found in their usual spellings: Deep Seek, GPT-4, Qwen2.5; and inside
                        their words, after the rest: `struct` finds instruct
  "code llama"          exactly these words, next to each other
  "code lla"*           the last one may be a beginning
  -chat -lla*           without this word, without any that begins so
  sd xl  yolo v8        side by side they are found in names that write them together: SDXL, YOLOv8
  c++ c# .net 千问      marks that belong to a name count; scripts without spaces are found anywhere
  llama3.1:8b           words too, where no field is called so or nearly so
  Qwen/Qwen2.5-7B       of OWNER/NAME, or an address that you paste, names are found by the end;
                        of a command such as `ollama run phi4` what stands behind it counts"""

_VALUES: Final = """\
Values
  type:LLM,Embedding    any of several
  tag:"two words"       in quotes, with spaces or commas in it
  license:apache2       other spellings are understood: Apache-2.0; license:gpl is the whole family
  license:=GPL-3.0      exactly this spelling
  params:<=8b           < <= > >= = and a..b, a.., ..b; k, m, b and t are thousands
  ctx:>=32k mem:<16gb   for tokens and sizes k, m, gb and tb are powers of 1024
  mem:<16 mem:512       plain numbers below 512 are GB, from there on MB, as both ends of mem:256..1024 are
  eval:MMLU>=0.7        a benchmark as its owner names it, and what came of it, in its own unit
  fit:24gb fit:24gib    but here gb is 10^9 bytes and gib 2^30: models that such a GPU can hold, at 8,192 tokens
  updated:>2026-01-31   dates are whole days, months (2026-01) or years (2026), in UTC
  is:conflict           several versions are live; is:invalid: it breaks a rule
  is:new                it came from others since you looked; is:watched: of an owner or a search that you watch
  is:starred note:gpu   what you keep to yourself: no node answers these, nor is:new, is:watched or pulled:
  updated:<7d           ages: less than 7 days ago; h, d, w, mo (30 days), y (365 days)
  A record that does not state a number is found by no comparison of it."""

_COMBINING: Final = f"""\
Together
  a b, a AND b          both
  a OR b                either; binds less closely than AND
  -a, NOT a             not
  ( )                   groups
  @name                 the saved search of that name
  Operators are in capitals. At most {MAX_LENGTH:,} characters, {MAX_TERMS} terms, {MAX_DEPTH} levels of parentheses."""


def _fields() -> str:
    lines = ["Fields"]
    for field in FIELDS.values():
        lines.append(f"  {field.examples[0]:<22}{field.help}")
        if field.options and field.shape != "flag":
            lines.append(f"{'':24}one of {', '.join(field.options)}")
        if field.shape in RANGES:
            lines += [f"  {other}" for other in field.examples[1:]]
        if field.aliases:
            lines.append(f"{'':24}also written {' '.join(f'{alias}:' for alias in field.aliases)}")
    return "\n".join(lines)


# For `help search`, the help screen and the node's pages.
GRAMMAR: Final = "\n\n".join((_TEXT, _fields(), _VALUES, _COMBINING))
