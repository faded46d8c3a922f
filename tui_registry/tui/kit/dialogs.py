"""The small questions that a screen asks: one line of text, one of a few things, yes or no."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.flows import FlowScreen

Answer = TypeVar("Answer")


class Dialog(FlowScreen[Answer | None], ModalScreen[Answer | None], Generic[Answer]):
    """A question over the screen. Esc closes it without an answer (None)."""

    # Whole, because Textual looks beside the module of the subclass.
    CSS_PATH: ClassVar[str] = str(Path(__file__).with_name("dialogs.tcss"))
    BINDINGS = bindings_for("dialog")

    def __init__(self, question: str, detail: str = "") -> None:
        """
        Args:
            question, detail: plain text, also from strangers; it is made safe here.
        """
        super().__init__()
        self._question = Content(safe_text(question, 400))
        self._detail = Content(safe_text(detail, 2000, newlines=True))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, classes="question")
            if self._detail:
                yield Static(self._detail, classes="detail")
            yield from self.compose_answers()

    def compose_answers(self) -> Iterable[Widget]:
        """What the question is answered with."""
        raise NotImplementedError

    def action_back(self) -> None:
        self.dismiss(None)


def back_or_accept(accept: str, action_id: str) -> Horizontal:
    """The buttons of a dialog in which something is written: back, and the words for taking it, which that action
    does."""
    back, take = key_of("dialog.back"), key_of(action_id)
    return Horizontal(
        Button(Content(f"Back ({back})"), id="back", action="screen.back", compact=True),
        Button(Content(f"{accept} ({take})"), id="accept", action="screen.accept", variant="primary", compact=True),
        classes="answers",
    )


Check = Callable[[str], str | None]


class LineInput(Input):
    """Its value is always safe to show: a paste can hold what a web page hid in it."""

    def validate_value(self, value: str) -> str:
        return safe_text(value)


def write_into(line: Input, text: str) -> None:
    """Put a text into a line in place of what it held, to be typed on from its end."""
    line.value = text
    line.cursor_position = len(text)
    line.focus()


class NarrowingInput(LineInput):
    """What a list of the screen is narrowed to, as it is typed."""

    BINDINGS = bindings_for("narrowing")

    async def action_to_list(self) -> None:
        await self.screen.run_action("screen.to_list")


# Of the screens that have such a line.
NARROWING_STYLES: Final = str(Path(__file__).with_name("narrowing.tcss"))


class NarrowingLine(Horizontal):
    """The line above a list: what it is narrowed to, and how much of it is left."""

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        yield Static(Content.styled(" / ", "bold $text-accent"), classes="prompt")
        yield NarrowingInput(placeholder=self._placeholder, compact=True)
        yield Static(classes="count")

    def say_count(self, words: str) -> None:
        """Show that many are in the list."""
        self.query_one(".count", Static).update(Content.styled(f" {words} ", "$foreground-muted"))


class AskScreen(Dialog[str]):
    """The text, stripped; None when closed. Enter is refused while the check has something to say."""

    AUTO_FOCUS = "Input"

    def __init__(
        self,
        question: str,
        value: str = "",
        placeholder: str = "",
        check: Check | None = None,
        detail: str = "",
        wrong: str = "",
    ) -> None:
        """
        Args:
            check: says what is wrong with the text, or None.
            wrong: what was wrong with `value`, when it was the answer before.
        """
        super().__init__(question, detail)
        self._value = value
        self._placeholder = placeholder
        self._check = check
        self._wrong = wrong

    def compose_answers(self) -> Iterable[Widget]:
        yield LineInput(value=self._value, placeholder=self._placeholder, compact=True)
        yield Static(Content(safe_text(self._wrong, 300)), classes="wrong")

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value != self._value:
            self._show(None)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        text = message.value.strip()
        wrong = None if self._check is None else self._check(text)
        if wrong is None:
            self.dismiss(text)
        else:
            self._show(wrong)

    def _show(self, wrong: str | None) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(wrong or "", 300)))


@dataclass(frozen=True, slots=True)
class Choice:
    """`key` picks it at once, `value` is the answer, `note` says more in a few words."""

    key: str
    value: str
    label: str
    note: str = ""


class ChooseScreen(Dialog[str]):
    """The value of what was chosen, None when closed."""

    AUTO_FOCUS = "OptionList"

    def __init__(self, question: str, choices: Sequence[Choice], detail: str = "") -> None:
        super().__init__(question, detail)
        self._choices = choices

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(
                Option(
                    Content.assemble(
                        (f" {choice.key} ", "bold $text-accent"),
                        " ",
                        safe_text(choice.label, 100),
                        (f"  {safe_text(choice.note, 100)}" if choice.note else "", "$foreground-muted"),
                    )
                )
                for choice in self._choices
            )
        )

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.character == choice.key:
                event.stop()
                self.dismiss(choice.value)

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._choices[message.option_index].value)


class ConfirmScreen(Dialog[bool]):
    """True for yes; False for no; None when closed. No has the focus: Enter alone changes nothing.

    Where yes destroys what nothing brings back, no letter answers: whoever types on, for a form that is to come or was
    just left, must not say yes with it.
    """

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)"),
        ("n", "answer(False)"),
        ("left", "app.focus_previous"),
        ("right", "app.focus_next"),
    ]

    def __init__(
        self, question: str, detail: str = "", yes: str = "Yes", no: str = "No", *, for_good: bool = False
    ) -> None:
        """
        Args:
            for_good: yes destroys what no undo brings back.
        """
        super().__init__(question, detail)
        self._yes = yes
        self._no = no
        self._for_good = for_good

    def compose_answers(self) -> Iterable[Widget]:
        no, yes = ("esc", "→ enter") if self._for_good else ("n", "y")
        yield Horizontal(
            Button(Content(f"{self._no} ({no})"), id="no"),
            Button(Content(f"{self._yes} ({yes})"), id="yes", variant="error"),
            classes="answers",
        )

    def action_answer(self, answer: bool) -> None:
        if not self._for_good:
            self.dismiss(answer)

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        self.dismiss(message.button.id == "yes")
