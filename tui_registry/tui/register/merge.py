"""The record changed while it was edited: which fields each side changed, and a dialog that asks which side to take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, OptionList
from textual.widgets.option_list import Option

from tui_registry.errors import Kind
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.register.form_fields import FormField, Texts, form_fields, same_value

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
    for field in form_fields(kind):
        began, ours, other = base[field.path], mine[field.path], theirs[field.path]
        if same_value(field, ours, other):
            continue
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
        yield Horizontal(
            Button("Back (esc)", id="back", compact=True),
            Button("Merge (ctrl+s)", id="accept", variant="primary", compact=True),
            classes="answers",
        )

    def action_accept(self) -> None:
        self.dismiss(self.query_one(DifferenceList).choices)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "accept":
            self.action_accept()
        else:
            self.action_back()


def _words(difference: Difference, choice: Side) -> Content:
    who = "changed by both" if difference.both else "changed by them"
    mine, theirs = (
        (("› ", "bold"), ("  ", "$text-muted")) if choice == "mine" else (("  ", "$text-muted"), ("› ", "bold"))
    )
    return Content.assemble(
        Content.styled(difference.field.title, "bold"),
        (f"  {who}; it was {_shown(difference.base)}\n", "$text-muted"),
        (f"{mine[0]}keep mine    {_shown(difference.mine)}\n", mine[1]),
        (f"{theirs[0]}take theirs  {_shown(difference.theirs)}\n", theirs[1]),
    )


def _shown(text: str) -> str:
    return safe_text(text, _LIMIT) or "empty"
