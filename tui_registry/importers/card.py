"""A model card: Markdown with YAML front matter between lines of three hyphens -> its metadata and its first paragraph.

The metadata: https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.importers.files import opened
from tui_registry.records.documents import DocumentError, load_document

# Front matter with benchmark results grows to some hundred kilobytes.
MOST_BYTES = 1024 * 1024
_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_KEYS = frozenset(
    {
        "license", "license_name", "pipeline_tag", "library_name", "base_model", "model-index", "model_name",
        "inference", "widget", "datasets", "metrics", "language", "tags", "quantized_by", "model_creator",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        values: the front matter; scalars are text, as they stand there.
        paragraph: the first paragraph of the text, without markup.
        title: the first heading, without markup.
        note: why the front matter could not be read, when it could not.
    """

    values: dict[str, Json]
    paragraph: str
    title: str
    note: str | None = None

    def text(self, key: str) -> str:
        """A value that is one text."""
        value = self.values.get(key)
        return value.strip() if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """A value that is one text or a list of them."""
        value = self.values.get(key)
        items = value if isinstance(value, list) else [value]
        return [item.strip() for item in items if isinstance(item, str) and item.strip()]


def read_card(path: Path) -> Card | None:
    """The card in a file, None when it has no front matter that a model card would have.

    Raises:
        SourceError: the file cannot be read.
    """
    with opened(path) as file:
        return parse_card(file.read(MOST_BYTES).decode("utf-8", "replace"))


def parse_card(text: str) -> Card | None:
    """The card in a text, None as for `read_card`."""
    match = _FENCE.match(text)
    if match is None:
        return None
    title, paragraph = _beginning(text[match.end() :])
    try:
        values = load_document(match[1], "the front matter.yaml")
    except DocumentError as error:
        place = "" if error.line is None else f" (line {error.line + 1})"
        reason = error.sentence.partition(": ")[2]
        note = f"the front matter could not be read{place}: it {reason}"
        # One broken line should not cost the licence: the simple lines are read one by one.
        values = {key: value for key, value in _SIMPLE.findall(match[1]) if key in _KEYS}
        return Card(dict(values), paragraph, title, note) if values else None
    if not isinstance(values, dict) or not _KEYS.intersection(values):
        return None
    return Card(values, paragraph, title)


_SIMPLE = re.compile(r"^([a-z_-]+):[ \t]+[\"']?([^\s\"'\[\]{}&*!|>#][^\r\n\"']*?)[\"']?[ \t]*\r?$", re.MULTILINE)

# ---- the text ------------------------------------------------------------------------------------------------------

# What opens hidden text, and what closes it.
_HIDDEN = (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"))
_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>")
_HEADING = re.compile(r"#{1,6}[ \t]+(.+?)[ \t]*#*")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"(\*\*\*|\*\*|\*|___|__|`+|~~)(?=\S)(.+?)(?<=\S)\1")
_NO_PROSE = re.compile(r"(?:[|>=-]|```|~~~|\$\$|\[[^\]]+\]:|[*+-][ \t]|[0-9]+[.)][ \t])")
_LONGEST_TEXT = 64 * 1024
_LONGEST_LINE = 8 * 1024
_LEAST_PROSE = 24


def _beginning(text: str) -> tuple[str, str]:
    """The first heading and the first paragraph that says something."""
    title, paragraph, fenced = "", list[str](), False
    for raw in [*_TAGS.sub("", _without_hidden(text[:_LONGEST_TEXT])).splitlines(), ""]:
        line = raw.strip()[:_LONGEST_LINE]
        if line.startswith(("```", "~~~")):
            fenced = not fenced
        heading = _HEADING.fullmatch(line)
        if not fenced and line and heading is None and not _NO_PROSE.match(line):
            paragraph.append(line)
            continue
        prose = _plain(" ".join(paragraph)[:_LONGEST_LINE])
        if len(prose) >= _LEAST_PROSE:
            return title, prose
        paragraph.clear()
        if heading is not None and not title:
            title = _plain(heading[1])
    return title, ""


def _without_hidden(text: str) -> str:
    """Text without comments and scripts. Each end is looked for once: a regex would take the square of the length."""
    for begin, end in _HIDDEN:
        lower, kept, at = text.lower(), list[str](), 0
        while (start := lower.find(begin, at)) >= 0 and (stop := lower.find(end, start)) >= 0:
            kept.append(text[at:start])
            at = stop + len(end)
        text = "".join(kept) + text[at:]
    return text


def _plain(markdown: str) -> str:
    """Prose without its markup."""
    text = _LINK.sub(lambda match: "" if match[0].startswith("!") else match[1], markdown)
    for _ in range(3):  # bold inside a link inside italics
        text = _EMPHASIS.sub(r"\2", text)
    for escape, character in (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escape, character)
    return " ".join(re.sub(r"\\([\\`*_{}\[\]()#+.!|-])", r"\1", text).split())
