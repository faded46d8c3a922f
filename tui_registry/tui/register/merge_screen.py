"""The record changed while it was edited: what the other side changed, field by field, and whose text to take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, OptionList
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.register.merge import Difference, Side

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
