"""`:` takes a command as a shell does behind the program's name, and shows what it prints.

The screens know no command: what there is, what completes a line, what is refused here and how a line is run is handed
in by whoever started the app. A line runs as a process of its own on the same replica. What a command prints goes to
the streams of its process, so nothing can get between it and the screen, Esc can end it whatever it does, and what it
writes is seen as anything is that another process writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final, Protocol

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_registry.errors import RegistryError
from tui_registry.present.pages import PAGES
from tui_registry.text import safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.dialogs import Dialog, LineInput
from tui_registry.tui.kit.flows import FlowScreen, flow
from tui_registry.tui.kit.host import RegistryHost
from tui_registry.tui.kit.program import ProgramScreen, outcome_words


class CommandLine(Protocol):
    """The commands, as far as a line inside the app needs to know them."""

    def argv(self, line: str) -> Sequence[str]:
        """The program and the words that run a line on the replica of the app.

        Raises:
            RegistryError: it cannot be run here; the sentence says why and what to do.
        """

    def complete(self, line: str) -> Sequence[tuple[str, str]]:
        """What the whole line may become, each with a few words on it; neither need be safe to show.

        Raises:
            RegistryError: the replica cannot be read.
        """


class CommandLines:
    """The lines of this session, and how they are run.

    Attributes:
        past: what was run, the latest last, without lines that look as if a secret stood in them.
    """

    def __init__(self, host: RegistryHost) -> None:
        self.past: list[str] = []
        self._host = host

    async def ask(self, make: Callable[[], CommandLine] | None) -> None:
        """Ask for a line, run it, say how it ended. A step of a flow over the screen in front.

        Args:
            make: what there is to run; None where whoever started the app gave nothing.
        """
        screen = self._host.screen
        if make is None or not isinstance(screen, FlowScreen):
            self._host.say("there is no command line here", "problem")
            return
        lines = make()
        line = await screen.ask(LineScreen(lines, self.past))
        if not line:
            return
        self._keep(line)
        asked = line.split()
        if len(asked) == _OF_HELP and asked[0] == "help" and asked[1] in PAGES:
            await screen.ask(kit.page_of_package(asked[1]))
            return
        ended = await screen.ask(ProgramScreen(f":{line}", lines.argv(line)))
        if ended is not None:
            well = ended.code == 0 and not ended.stopped
            self._host.say(f":{safe_text(line, 60)}: {outcome_words(ended)}", "done" if well else "problem")
        self._host.look()

    def _keep(self, line: str) -> None:
        if _SECRET.search(line) is None:
            self.past = [*(one for one in self.past if one != line), line][-_MOST_KEPT:]


class LineScreen(Dialog[str]):
    """The line to run; None when closed."""

    AUTO_FOCUS: ClassVar[str] = "Input"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for("line")

    def __init__(self, lines: CommandLine, past: Sequence[str]) -> None:
        how = f"{key_of('line.complete')} completes, {key_of('line.earlier')} takes up the lines before."
        super().__init__("Command", f"As in a shell, without the program's name: verify, show NAME, peer list. {how}")
        self._lines = lines
        self._past = [*past, ""]
        self._place = len(past)
        self._offers: Sequence[tuple[str, str]] = ()

    def compose_answers(self) -> Iterable[Widget]:
        yield LineInput(placeholder="verify", compact=True)
        yield Static(classes="wrong")
        yield Static(id="offers")

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        self._say("")
        self._complete(message.value)

    @flow(background=True, exclusive=True, group="complete")
    async def _complete(self, line: str) -> None:
        self._offers = ()
        try:
            self._offers = [
                offer for offer in await self.read(self._lines.complete, line) if safe_text(offer[0]) == offer[0]
            ]
        except RegistryError:
            return  # running it says so
        self._show_offers()

    def _show_offers(self) -> None:
        offers = self.query_one("#offers", Static)
        width = max(20, offers.content_size.width)
        lines = [
            Content.assemble(safe_text(line, width), (f"  {safe_text(about, 60)}", "$foreground-muted")).truncate(
                width, ellipsis=True
            )
            for line, about in self._offers
        ]
        if len(lines) > _MOST_OFFERED:
            more = len(lines) - _MOST_OFFERED + 1
            del lines[-more:]
            lines.append(Content.styled(f"and {more} more", "$foreground-muted"))
        offers.update(Content("\n").join(lines))

    def _say(self, wrong: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(wrong, 300)))

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        line = message.value.strip().removeprefix(":").strip()
        if not line:
            self.dismiss(None)
            return
        try:
            self._lines.argv(line)
        except RegistryError as error:
            self._say(error.sentence)
        else:
            self.dismiss(line)

    def action_complete(self) -> None:
        """Take what all completions have in common, else the first."""
        line = self.query_one(LineInput)
        if not self._offers:
            return
        first = [offer for offer, _ in self._offers]
        shared = _shared(first)
        taken = shared if len(shared) > len(line.value) and len(first) > 1 else first[0]
        line.value = taken
        line.cursor_position = len(taken)

    def action_earlier(self) -> None:
        self._walk(-1)

    def action_later(self) -> None:
        self._walk(1)

    def _walk(self, step: int) -> None:
        line = self.query_one(LineInput)
        if self._place == len(self._past) - 1:
            self._past[-1] = line.value
        place = self._place + step
        if 0 <= place < len(self._past):
            self._place = place
            line.value = self._past[place]
            line.cursor_position = len(line.value)


# How

_MOST_KEPT: Final = 200
# `help NAME`
_OF_HELP: Final = 2
# The lines that there are for them (dialogs.tcss): the box stands still while one types.
_MOST_OFFERED: Final = 5
# No command takes a secret as a word; but somebody may try, or write one into an address.
_SECRET: Final = re.compile(
    r"(?i)pass(word|phrase)\b(?!-file)|secret|\btoken[= ]\S{16}|bearer|://[^/\s]*:[^/\s]*@|--token\b(?!-)"
)


def _shared(lines: Sequence[str]) -> str:
    low, high = min(lines), max(lines)
    end = next((place for place, sign in enumerate(low) if not high.startswith(sign, place)), len(low))
    return low[:end]
