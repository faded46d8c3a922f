"""What a form changes: a preview of what would be signed, and a merge with what others made of the record meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.crdt.op import VARIANTS
from tui_registry.crdt.spelling import spell
from tui_registry.errors import Json, Kind, Record
from tui_registry.present.manifest_rows import SAID
from tui_registry.records.schema import ID_FIELD, MAX_OP_BYTES, defaults
from tui_registry.records.wire import canonical_bytes, derive_id
from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialogs import Dialog, back_or_accept
from tui_registry.tui.register.form_fields import FormField, Texts, differing, same_value, shown_text


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving this second would sign.

    Attributes:
        id: of the record; a new one's depends on the second in which it is saved.
        canonical: bytes that the hash is made of; size: bytes of the operation on the wire.
        changes: of an edit, (label, before, after) for each field that differs.
        manifest: what it says of what stands behind the record, None where there is nothing.
    """

    record: Record
    id: str
    new: bool
    canonical: int
    size: int
    changes: tuple[tuple[str, str, str], ...]
    manifest: Record | None = None

    def document(self) -> str:
        """The record as JSON for people, with its manifest: indented, other scripts as they are."""
        whole = self.record if self.manifest is None else {**self.record, "manifest": self.manifest}
        return json.dumps(whole, indent=2, ensure_ascii=False)

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
    manifest: Record | None = None,
    base: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Preview:
    """The preview of a record whose owner is this replica.

    Args:
        record: plain and of the right shape; id, owner and times may be at their defaults.
        owner: address, 40 hex digits. now: Unix seconds.
        children: the number of heads that the operation will name.
        manifest: what will stand behind it.
        base, texts: of an edit, what the form began with and what it says now.
    """
    complete = dict(record)
    new = children == 0
    complete["owner_id"] = owner
    if new:
        complete["created_at"] = now
        complete[ID_FIELD[kind]] = derive_id(kind, owner, str(record["name"]), now)
    complete["updated_at"] = now
    changes: list[tuple[str, str, str]] = []
    if base is not None and texts is not None:
        fields = differing(kind, base, texts)
        changes = [
            (field.title, shown_text(field, base[field.path]), shown_text(field, texts[field.path])) for field in fields
        ]
    record_id = str(complete[ID_FIELD[kind]])
    size = len(spell(_unsigned(kind, complete, record_id, owner, children)))
    canonical = len(canonical_bytes(kind, complete))
    return Preview(complete, record_id, new, canonical, size, tuple(changes), _stated(manifest))


def _stated(manifest: Record | None) -> Record | None:
    """What a manifest says, without what is set when it is signed and what it leaves open."""
    if manifest is None:
        return None
    fresh = defaults("manifest")
    return {name: manifest[name] for name in SAID if manifest[name] != fresh[name]}


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


Side: TypeAlias = Literal["theirs", "mine"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that reads otherwise on the two sides.

    Attributes:
        base: what both began with; mine, theirs: the texts now.
        both: both sides changed it, so one of the two texts is lost by any choice.
        proposed: the side that changed it; mine when both did.
    """

    field: FormField
    base: str
    mine: str
    theirs: str
    both: bool
    proposed: Side


def differences(
    kind: Kind, base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]
) -> list[Difference]:
    """The fields that read otherwise in `mine` and `theirs`, in the order of the form."""
    found = []
    for field in differing(kind, mine, theirs):
        began, ours, other = base[field.path], mine[field.path], theirs[field.path]
        they_did = not same_value(field, began, other)
        we_did = not same_value(field, began, ours)
        proposed: Side = "mine" if we_did else "theirs"
        found.append(Difference(field, began, ours, other, they_did and we_did, proposed))
    return found


def changed_by_them(found: list[Difference]) -> list[Difference]:
    """Those that need a look: what the other side changed. Fields that only this form changed stay as they are."""
    return [difference for difference in found if not same_value(difference.field, difference.base, difference.theirs)]


def merged(mine: Mapping[str, str], theirs: Mapping[str, str], choices: Mapping[str, Side]) -> Texts:
    """My texts, with theirs in the fields where they were chosen."""
    return {path: theirs[path] if choices.get(path) == "theirs" else text for path, text in mine.items()}


_LIMIT = 200


class DifferenceList(OptionList):
    """The fields that they changed; space or Enter takes the other side's text. `choices` by path."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Take the other", show=False)]

    def __init__(self, differences: Sequence[Difference]) -> None:
        self.differences = {difference.field.path: difference for difference in differences}
        self.choices: dict[str, Side] = {path: found.proposed for path, found in self.differences.items()}
        super().__init__(*(Option(_words(found, found.proposed), id=path) for path, found in self.differences.items()))

    @on(OptionList.OptionSelected)
    def _toggle(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        path = str(event.option_id)
        self.choices[path] = "mine" if self.choices[path] == "theirs" else "theirs"
        self.replace_option_prompt(path, _words(self.differences[path], self.choices[path]))


class MergeScreen(Dialog[dict[str, Side]]):
    """Answers with a side for each field that they changed; None leaves the form as it is."""

    BINDINGS = bindings_for("merge")
    AUTO_FOCUS = "DifferenceList"

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__(
            "This record changed while you edited it",
            "Space takes the other side's text. Nothing is signed yet: the form shows the result.",
        )
        self.add_class("-form")
        self._differences = differences

    def compose_answers(self) -> Iterable[Widget]:
        yield DifferenceList(self._differences)
        yield back_or_accept("Merge", "merge.accept")

    def action_accept(self) -> None:
        self.dismiss(self.query_one(DifferenceList).choices)


def _words(difference: Difference, choice: Side) -> Content:
    who = "changed by both" if difference.both else "changed by them"
    mine, theirs = (
        (("› ", "bold"), ("  ", "$text-muted")) if choice == "mine" else (("  ", "$text-muted"), ("› ", "bold"))
    )
    return Content.assemble(
        Content.styled(difference.field.title, "bold"),
        (f"  {who}; it was {_shown(difference, difference.base)}\n", "$text-muted"),
        (f"{mine[0]}keep mine    {_shown(difference, difference.mine)}\n", mine[1]),
        (f"{theirs[0]}take theirs  {_shown(difference, difference.theirs)}\n", theirs[1]),
    )


def _shown(difference: Difference, text: str) -> str:
    return safe_text(shown_text(difference.field, text), _LIMIT) or "empty"
