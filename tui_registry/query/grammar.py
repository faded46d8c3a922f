"""The language in words, from the parser's own tables: for `--help search`, the help screen and the API's pages."""

from __future__ import annotations

from typing import Final

from .fields import FIELDS, RANGES
from .parser import MAX_DEPTH, MAX_LENGTH, MAX_TERMS


def _grammar() -> str:
    return "\n\n".join((_TEXT, _fields(), _VALUES, _COMBINING))


_TEXT: Final = """\
Words
  llama chat            records with both words, in the name, description, tags, capabilities or tools;
                        the last word may be the beginning of one: `lla` finds llama
  "code llama"          these words, next to each other
  lla*                  a word that begins so, anywhere in the query
  -chat                 without this word"""

_VALUES: Final = """\
Values
  type:LLM,Embedding    any of several
  tag:"two words"       in quotes, with spaces or commas in it
  license:apache2       other spellings are understood: Apache-2.0; license:gpl is the whole family
  license:=GPL-3.0      exactly this spelling
  params:<=8b           < <= > >= = and a..b, a.., ..b; k, m, b and t are thousands
  ctx:>=32k mem:<16gb   for tokens and sizes k, m, gb and tb are powers of 1024
  updated:>2026-01-31   dates are whole days, months (2026-01) or years (2026), in UTC
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


GRAMMAR: Final = _grammar()
