"""What would be signed, before it is: the record as JSON, its id, the size of its operation, what an edit changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.crdt.op import VARIANTS
from tui_registry.crdt.spelling import spell
from tui_registry.errors import Json, Kind, Record
from tui_registry.records.schema import ID_FIELD, MAX_OP_BYTES
from tui_registry.records.wire import canonical_bytes, derive_id
from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.register.form_fields import form_fields, same_value


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving this second would sign.

    Attributes:
        id: of the record; a new one's depends on the second in which it is saved.
        canonical: bytes that the hash is made of; size: bytes of the operation on the wire.
        changes: of an edit, (label, before, after) for each field that differs.
    """

    record: Record
    id: str
    new: bool
    canonical: int
    size: int
    changes: tuple[tuple[str, str, str], ...]

    def document(self) -> str:
        """The record as JSON for people: indented, other scripts as they are."""
        return json.dumps(self.record, indent=2, ensure_ascii=False)

    def size_words(self) -> str:
        """`1,204 bytes of 65,536`."""
        over = ": too large to be sent" if self.size > MAX_OP_BYTES else ""
        return f"{exact(self.size)} bytes of {exact(MAX_OP_BYTES)}{over}"


def preview(
    kind: Kind,
    record: Record,
    *,
    owner: str,
    now: int,
    children: int = 0,
    base: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Preview:
    """The preview of a record whose owner is this replica.

    Args:
        record: plain and of the right shape; id, owner and times may be at their defaults.
        owner: address, 40 hex digits. now: Unix seconds.
        children: the number of heads that the operation will name.
        base, texts: of an edit, what the form began with and what it says now.
    """
    complete = dict(record)
    new = children == 0
    complete["owner_id"] = owner
    if new:
        complete["created_at"] = now
        complete[ID_FIELD[kind]] = derive_id(kind, owner, str(record["name"]), now)
    complete["updated_at"] = now
    changes = []
    if base is not None and texts is not None:
        for field in form_fields(kind):
            before, after = base[field.path], texts[field.path]
            if not same_value(field, before, after):
                changes.append((field.title, before, after))
    record_id = str(complete[ID_FIELD[kind]])
    size = len(spell(_unsigned(kind, complete, record_id, owner, children)))
    return Preview(complete, record_id, new, len(canonical_bytes(kind, complete)), size, tuple(changes))


def _unsigned(kind: Kind, record: Record, record_id: str, owner: str, children: int) -> Json:
    """The operation with zeros where hashes and signature go: as long as the signed one, but for a counter's digits."""
    null = "0" * 64
    value: Json = {"value": record, "vclock": {owner: 1 + children}, "children": [null] * min(children, 16)}
    up: Json = {
        "dot": {"actor": owner, "counter": 1},
        "key": record_id,
        "op": {"op": value, "signature": {"sig": "0" * 128, "rec": 0}, "hash": null},
    }
    return {VARIANTS[kind]: {"Up": up}}


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
