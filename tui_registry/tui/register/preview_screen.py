"""What would be signed: id, size, what an edit changes, and the record as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.register.preview import Preview


class PreviewScreen(Dialog[None]):
    """Shows a preview; Esc closes it."""

    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, preview: Preview, summary: str) -> None:
        super().__init__("What will be signed", f"{summary}. Arrows scroll, Esc goes back.")
        self.add_class("-form")
        self._preview = preview

    def compose_answers(self) -> Iterable[Widget]:
        yield Static(_facts(self._preview), classes="facts")
        parts = [Static(_changes(self._preview), classes="changes")] if not self._preview.new else []
        document = Static(Content(safe_text(self._preview.document(), newlines=True)), classes="document")
        yield VerticalScroll(*parts, document)


def _facts(preview: Preview) -> Content:
    when = "; the id is that of this second" if preview.new else ""
    return Content.assemble(
        ("id    ", "$text-muted"),
        preview.id,
        ("\nsize  ", "$text-muted"),
        preview.size_words(),
        (f"  ({exact(preview.canonical)} in canonical bytes{when})", "$text-muted"),
    )


def _changes(preview: Preview) -> Content:
    if not preview.changes:
        return Content("nothing is changed but the time")
    lines = [Content.styled("What changes", "bold")]
    for label, before, after in preview.changes:
        lines.append(
            Content.assemble(
                f"{label}\n",
                (f"  - {safe_text(before, 400) or 'empty'}\n", "$text-error"),
                (f"  + {safe_text(after, 400) or 'empty'}", "$text-success"),
            )
        )
    return Content("\n").join(lines)
