"""What authors write, laid out to be read: descriptions as Markdown, Formfiles in colours; in the form's preview as
everywhere else.

All of it comes from strangers. A link is text that says where it leads, and a picture its words: nothing is opened,
fetched or run, and what Markdown makes of its own escapes is made safe once more. The work is bounded: a text with more
brackets than prose has is shown as it is written, and what lies deeper than twenty levels is left out by the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual.content import Content

from tui_registry.formfile import tokens
from tui_registry.formfile.editor import TokenKind
from tui_registry.text import safe_text
from tui_registry.tui.kit.text_flow import field, paragraph, wrapped

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Marks what was looked for in a piece of text.
Marking = Callable[[Content], Content]

# Nobody reads a longer line; colouring it would be felt.
LONGEST_LINE: Final = 2_000
# A description may have 10,000 characters, a Formfile 24,576.
_LONGEST: Final = 25_000
# Parsing open brackets costs their square.
_MOST_BRACKETS: Final = 500
# However deep lists and quotes lie in each other, the text keeps so much of the width.
_LEAST_SHARE: Final = 2

FORMFILE_STYLES: Final[Mapping[TokenKind, str]] = {
    "instruction": "bold $text-primary",
    "unknown": "underline $text-error",
    "comment": "italic dim",
    "declaration": "$text-accent",
    "placeholder": "$text-accent",
    "key": "$text-secondary",
    "option": "$text-secondary",
    "keyword": "$text-secondary",
    "number": "$text-warning",
    "string": "$text-success",
}
_CODE: Final = "$text-accent"
_QUOTE: Final = "┃ "
_QUIET: Final = "$foreground-muted"
_HEADINGS: Final = {"h1": "bold $text-primary", "h2": "bold $text-accent"}
_FLAGS: Final = {"strong": "bold", "em": "italic", "s": "strike"}


def formfile_lines(template: str, width: int) -> list[Content]:
    """A Formfile as it is written, its lines numbered and in the colours of its editor."""
    lines: list[Content] = []
    shown = safe_text(template, _LONGEST, newlines=True).removesuffix("\n")
    for number, line in enumerate(shown.split("\n"), start=1):
        content = Content(line)
        if len(line) <= LONGEST_LINE:
            for token in tokens(line):
                content = content.stylize(FORMFILE_STYLES.get(token.kind, ""), token.start, token.end)
        lines += field(f"{number:>4}", content, width, 6)
    return lines


def markdown_lines(text: str, width: int, mark: Marking | None = None, longest: int = _LONGEST) -> list[Content]:
    """A description as Markdown, broken to the width; the same text and width give the same lines.

    Args:
        text: as its author wrote it, not made safe.
        mark: is given each piece of text, as it will be shown, before it is broken into lines.
        longest: characters, beyond which it is cut.
    """
    shown = safe_text(text, longest, newlines=True)
    mark = mark or _as_it_is
    if shown.count("[") > _MOST_BRACKETS:
        return paragraph(mark(Content(shown)), width)
    page = _Page(width, mark)
    page.lay_out(_parsed(shown))
    return page.lines


def _as_it_is(content: Content) -> Content:
    return content


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # the first frame has no description

    return MarkdownIt("commonmark", {"maxNesting": 20}).enable(["table", "strikethrough"])


@lru_cache(maxsize=16)
def _parsed(text: str) -> Sequence[Token]:
    return _parser().parse(text)


class _Page:
    """Lays blocks out one below the other; each list and quote around them gives its lines a beginning."""

    def __init__(self, width: int, mark: Marking) -> None:
        self.lines: list[Content] = []
        self._width = width
        self._mark = mark
        # Of what is open around the next block: what the first line of it begins with, what the others do, and whether
        # that is only said once the first line is out.
        self._around: list[tuple[str, str, bool]] = []
        self._numbers: list[int | None] = []
        self._close = False  # the next block stands close below the one before
        self._apart = True  # but not this one, the first of a list
        self._heading = ""
        self._rows: list[list[Content]] = []

    def lay_out(self, found: Iterable[Token]) -> None:
        for token in found:
            match token.type:
                case "inline":
                    content = self._mark(_inline(token.children or []))
                    if self._rows:
                        self._rows[-1].append(content)
                    else:
                        self._put(content.stylize_before(self._heading) if self._heading else content)
                case "paragraph_open":
                    self._close = token.hidden and not self._apart
                case "paragraph_close":
                    self._close = token.hidden
                case "heading_open":
                    self._heading = _HEADINGS.get(token.tag, "bold")
                case "heading_close":
                    self._heading = ""
                case "bullet_list_open" | "ordered_list_open":
                    self._apart |= not self._numbers
                    start = token.attrs.get("start", 1)
                    self._numbers.append(start if token.type.startswith("o") and isinstance(start, int) else None)
                case "bullet_list_close" | "ordered_list_close":
                    self._numbers.pop()
                    self._close, self._apart = False, not self._numbers
                case "list_item_open":
                    self._begin_item()
                case "list_item_close" | "blockquote_close":
                    self._around.pop()
                case "blockquote_open":
                    self._around.append((_QUOTE, _QUOTE, False))
                case "fence" | "code_block":
                    lines = safe_text(token.content.rstrip("\n"), newlines=True).split("\n")
                    self._put(*(self._mark(Content.styled(line, _CODE)) for line in lines), indent="  ")
                case "html_block":
                    self._put(self._mark(Content.styled(safe_text(token.content.strip(), newlines=True), _QUIET)))
                case "hr":
                    self._put(Content.styled("─" * min(20, self._width), _QUIET))
                case "tr_open":
                    self._rows.append([])
                case "table_close":
                    self._put(*_table(self._rows, self._room()))
                    self._rows = []
                case _:
                    pass

    def _begin_item(self) -> None:
        number = self._numbers[-1]
        sign = "• " if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1
        self._around.append((sign, " " * len(sign), False))

    def _room(self) -> int:
        return max(8, self._width - self._indent())

    def _indent(self) -> int:
        return min(sum(len(rest) for _, rest, _ in self._around), self._width // _LEAST_SHARE)

    def _put(self, *contents: Content, indent: str = "") -> None:
        """A block of one or more pieces, each from a line of its own."""
        at = self._indent()
        rest = "".join(rest for _, rest, _ in self._around)[:at]
        if self.lines and not self._close:
            quoted = "".join(rest for _, rest, begun in self._around if begun)[:at].rstrip()
            self.lines.append(Content.styled(quoted, _QUIET))
        first = "".join(first for first, _, _ in self._around)[:at].ljust(at)
        for content in contents:
            for line in wrapped(content, self._width - at - len(indent)) or [Content("")]:
                self.lines.append(Content.assemble((first + indent, _QUIET), line))
                first = rest
        # The sign of an item stands before its first line only.
        self._around = [(rest, rest, True) for _, rest, _ in self._around]
        self._apart = False


def _inline(found: Iterable[Token]) -> Content:
    """A run of text. What Markdown decodes of its own escapes may be anything: it is made safe here."""
    parts: list[Content] = []
    flags: list[str] = []
    begun: list[tuple[str, int]] = []  # where each open link leads, and how many parts stood before it
    for token in found:
        match token.type:
            case "text":
                parts.append(Content.styled(safe_text(token.content), " ".join(flags)))
            case "code_inline":
                parts.append(Content.styled(safe_text(token.content), " ".join((*flags, _CODE))))
            case "softbreak":
                parts.append(Content(" "))
            case "hardbreak":
                parts.append(Content("\n"))
            case "strong_open" | "em_open" | "s_open":
                flags.append(_FLAGS[token.type.removesuffix("_open")])
            case "strong_close" | "em_close" | "s_close":
                flags.remove(_FLAGS[token.type.removesuffix("_close")])
            case "link_open":
                begun.append((safe_text(str(token.attrs.get("href", ""))), len(parts)))
            case "link_close":
                where, start = begun.pop()
                said = "".join(part.plain for part in parts[start:])
                # An address that is its own text is told once.
                if where and said not in (where, where.removeprefix("mailto:")):
                    parts.append(Content.styled(f" ({where})", _QUIET))
            case "image":
                where = safe_text(str(token.attrs.get("src", "")))
                parts.append(Content.styled(f"[picture: {safe_text(token.content) or 'untitled'}] ({where})", _QUIET))
            case _:
                parts.append(Content.styled(safe_text(token.content), _QUIET))
    return Content("").join(parts)


def _table(rows: Sequence[Sequence[Content]], room: int) -> list[Content]:
    """Columns side by side, cells that are too wide broken within them; where there is no room for that, the cells of a
    row one behind the other."""
    if not rows:
        return []
    widths = _shared_out(
        [max(cell_len(row[place].plain) if place < len(row) else 0 for row in rows) for place in range(len(rows[0]))],
        room,
    )
    lines: list[Content] = []
    for number, row in enumerate(rows):
        if widths:
            drawn = _side_by_side([wrapped(cell, width) for cell, width in zip(row, widths, strict=False)], widths)
        else:
            drawn = [Content.styled(_BETWEEN, _QUIET).join(row)]
        lines += [line.stylize_before("bold") for line in drawn] if number == 0 else drawn
        if number == 0 and widths:
            lines.append(Content.styled("─┼─".join("─" * width for width in widths), _QUIET))
    return lines


_BETWEEN: Final = " │ "
# Cells to a column: with fewer a text is broken after every word.
_LEAST_COLUMN: Final = 12


def _shared_out(wanted: Sequence[int], room: int) -> list[int]:
    """The widths of columns that want so many cells: narrow ones have what they want, the others share what is left.
    Empty where that is too little."""
    widths = [*wanted]
    left = room - len(_BETWEEN) * (len(wanted) - 1)
    for place, others in zip(
        sorted(range(len(wanted)), key=lambda one: wanted[one]), range(len(wanted), 0, -1), strict=True
    ):
        widths[place] = min(wanted[place], left // others)
        left -= widths[place]
    return widths if all(has >= min(asked, _LEAST_COLUMN) for has, asked in zip(widths, wanted, strict=True)) else []


def _side_by_side(cells: Sequence[Sequence[Content]], widths: Sequence[int]) -> list[Content]:
    """The lines of a row, each cell in its column."""
    drawn = []
    for line in range(max(map(len, cells), default=0)):
        parts = [
            Content.assemble(cell[line], " " * (width - cell_len(cell[line].plain)))
            if line < len(cell)
            else Content(" " * width)
            for cell, width in zip(cells, widths, strict=False)
        ]
        drawn.append(Content.styled(_BETWEEN, _QUIET).join(parts))
    return drawn
