"""How a line of a Formfile falls into words: quotes, comments and placeholders. Positions count from 0 here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui_registry.frozen import Frozen

PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)[ \t]*\}\}")

# Control characters, and those that reorder or split a line on screen ("Trojan Source", CVE-2021-42574).
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


class Word(Frozen):
    """`text` without its quotes; `start` and `end` are those of the written form."""

    text: str
    start: int
    end: int
    quoted: bool = False


class Words(Frozen):
    """The words of a line; where its comment starts, and where a quote opens that is never closed, if there are any."""

    words: tuple[Word, ...]
    comment_at: int | None = None
    unclosed_at: int | None = None


class FreeText(Frozen):
    """One text to the end of its line, without the quotes around it; where its comment starts, if there is one."""

    text: str
    quoted: bool
    comment_at: int | None


def placeholders(text: str) -> Iterator[tuple[str, int]]:
    """The placeholders of a text, each with its position."""
    for match in PLACEHOLDER.finditer(text):
        yield match.group(1), match.start()


def has_placeholder(text: str) -> bool:
    """Whether a placeholder stands anywhere in the text."""
    return PLACEHOLDER.search(text) is not None


def one_spelling(text: str) -> str:
    """The text with every placeholder spelt `{{ name }}`."""
    return PLACEHOLDER.sub(r"{{ \1 }}", text) if "{{" in text else text


def stray_braces(text: str) -> bool:
    """Whether a `{{` stands there that opens no placeholder."""
    return "{{" in text and "{{" in PLACEHOLDER.sub(" ", text)


def split_words(text: str, start: int = 0) -> Words:
    """Words at white space; `"` and `'` group, without escapes, as in the builder; `#` before a word ends the line.

    A placeholder is never split, so `passwd:{{ password }}` is one word.
    """
    words: list[Word] = []
    at, length = start, len(text)
    while at < length:
        if text[at].isspace():
            at += 1
            continue
        if text[at] == "#":
            return Words(tuple(words), comment_at=at)
        word, closed = _word(text, at)
        if not closed:
            return Words(tuple(words), unclosed_at=word.start)
        words.append(word)
        at = word.end
    return Words(tuple(words))


def _word(text: str, start: int) -> tuple[Word, bool]:
    parts: list[str] = []
    at, quote, quoted = start, "", False
    while at < len(text):
        character = text[at]
        if character == "{" and (match := PLACEHOLDER.match(text, at)):
            parts.append(f"{{{{ {match.group(1)} }}}}")
            at = match.end()
            continue
        if quote:
            if character == quote:
                quote = ""
            else:
                parts.append(character)
        elif character in "\"'":
            quote, quoted = character, True
        elif character.isspace():
            break
        else:
            parts.append(character)
        at += 1
    return Word(one_spelling("".join(parts)), start, at, quoted), not quote


def quote_word(value: str, *, first: bool = True) -> str:
    """A spelling of the value that `split_words` reads back as exactly this text.

    Args:
        value: the text of a word or of its end, such as the value after `KEY=`.
        first: whether it begins the word; only there a `#` needs quotes.
    """
    bare = PLACEHOLDER.sub("x", value)
    if bare and not any(c.isspace() or c in "\"'" for c in bare) and not (first and value.startswith("#")):
        return value
    if '"' not in value:
        return f'"{value}"'
    return '"' + value.replace('"', '"\'"\'"') + '"'


def free_text(text: str, start: int = 0) -> FreeText:
    """The rest of a line as one text. Quotes around all of it protect a ` #`; apostrophes inside are letters."""
    begin = len(text) - len(text[start:].lstrip())
    quoted = _quoted_text(text, begin)
    if quoted is not None:
        return quoted
    at = begin
    while (at := text.find("#", at)) >= 0:
        if at == begin or text[at - 1].isspace():
            return FreeText(one_spelling(text[begin:at].strip()), False, at)
        at += 1
    return FreeText(one_spelling(text[begin:].strip()), False, None)


def _quoted_text(text: str, begin: int) -> FreeText | None:
    if begin >= len(text) or text[begin] not in "\"'":
        return None
    close = text.find(text[begin], begin + 1)
    if close < 0:
        return None
    after = len(text) - len(text[close + 1 :].lstrip())
    inside = one_spelling(text[begin + 1 : close].strip())
    if after == len(text):
        return FreeText(inside, True, None)
    if text[after] == "#" and after > close + 1:
        return FreeText(inside, True, after)
    return None


def quote_free_text(value: str) -> str:
    """A spelling of the value that `free_text` reads back as exactly this value."""
    for spelling in (value, f'"{value}"', f"'{value}'"):
        read = free_text(spelling)
        if read.text == value and read.comment_at is None:
            return spelling
    return value
