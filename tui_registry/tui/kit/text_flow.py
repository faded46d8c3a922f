"""Text that is laid out anew for the width it gets, and what it is read in where it is long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.terminal import most_cells

Layout = Callable[[int], Content]


class Flow(Widget):
    """Shows what a layout function makes of a width; as high as that is."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._layout_of: Layout = _nothing
        self._made: tuple[int, Content, int] | None = None

    def flow(self, layout: Layout) -> None:
        """Show another text."""
        self._layout_of = layout
        self._made = None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return self._make(width)[1]

    def render(self) -> Content:
        return self._make(self.content_size.width)[0]

    def _make(self, width: int) -> tuple[Content, int]:
        if self._made is None or self._made[0] != width:
            content = self._layout_of(max(1, width))
            self._made = width, content, content.plain.count("\n") + 1
        return self._made[1], self._made[2]


class TextBody(VerticalScroll, can_focus=True):
    """A text that scrolls with the keys of a list. `text` is what it holds."""

    BINDINGS = bindings_for("text")

    def __init__(self) -> None:
        self.text = Flow()
        super().__init__(self.text)


def _nothing(width: int) -> Content:  # noqa: ARG001 - a Layout
    return Content("")


def paragraph(text: str | Content, width: int, style: str = "", indent: int = 0) -> list[Content]:
    """Text broken to the width, whole words where they fit; the result's lines start after `indent` spaces."""
    content = Content.styled(text, style) if isinstance(text, str) else text
    lines = wrapped(content, width - indent)
    return [Content(" " * indent) + line for line in lines] or [Content("")]


def wrapped(content: Content, width: int) -> list[Content]:
    """Text in lines of so many cells, at least 8. Some terminals draw some scripts wider than Textual counts: such
    lines are broken so much earlier."""
    if not content.plain.isascii():
        counted = content.cell_length
        width = width * counted // max(1, counted, most_cells(content.plain))
    return content.wrap(max(8, width))


def field(label: str, value: str | Content, width: int, label_width: int = 12, style: str = "") -> list[Content]:
    """A label and its value; a long value goes on below itself."""
    lines = paragraph(value, width - label_width, style)
    head = Content.styled(label.ljust(label_width), "$foreground-muted")
    return [(head if place == 0 else Content(" " * label_width)) + line for place, line in enumerate(lines)]


def heading(text: str) -> list[Content]:
    """A heading with a free line above it."""
    return [Content(""), Content.styled(text, "bold")]


def beside(left: Sequence[Content], right: Sequence[Content], width: int) -> list[Content]:
    """Two columns of lines, each broken to `half(width)`."""
    room = half(width)
    found = []
    for place in range(max(len(left), len(right))):
        line = left[place] if place < len(left) else Content("")
        other = right[place] if place < len(right) else Content("")
        found.append(Content.assemble(line, " " * (width - room - line.cell_length), other))
    return found


def half(width: int) -> int:
    """The width of one of two columns."""
    return (width - 4) // 2


def stack(lines: Iterable[Content]) -> Content:
    """Lines, one below the other."""
    return Content("\n").join(list(lines))
