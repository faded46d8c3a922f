"""A tour of five steps through sample data. Each says what to press, notices by itself when that was done, and covers
nothing: it stands in two lines above the status line of every screen, until it is over or was left."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from tui_registry.frozen import NamedTuple
from tui_registry.tui import kit
from tui_registry.tui.browse.browse_screen import BrowseScreen
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.frame import FrameScreen, StatusLine
from tui_registry.tui.kit.host import RegistryHost, read_styles

_SECONDS: Final = 0.5
_SOON_SECONDS: Final = 0.05


class Seen(NamedTuple):
    """What a step is told by: as it was when the step began, and as it is now.

    Attributes:
        query: what the list is of; typing: a search is being typed. form: a form is open.
        records: in the replica. pulled: Unix seconds of the last pull, 0 for none. conflicts: of the own key.
    """

    query: str
    typing: bool
    form: bool
    records: int
    pulled: int
    conflicts: int


class Step(NamedTuple):
    """One of the five.

    Attributes:
        mode: where it begins; empty for anywhere. press: what to press, and what comes of it; keys by their actions.
        is_done: by what was seen when it began, a moment ago, and now.
    """

    name: str
    mode: str
    press: str
    is_done: Callable[[Seen, Seen, Seen], bool]

    @property
    def words(self) -> str:
        """What to press, with the keys that are in force."""
        return re.sub(r"\{([\w.]+)\}", lambda match: key_of(match[1]), self.press)


STEPS: Final = (
    Step(
        "Search",
        "browse",
        "Press {browse.search} and type  llama : the list follows, and {search.to_list} goes to it.",
        lambda first, _, now: now.query not in ("", first.query) and not now.typing,
    ),
    Step(
        "Filters",
        "browse",
        "{browse.filters} opens them, {facets.toggle} puts the value under the cursor into the search.",
        lambda first, _, now: now.query != first.query and ":" in now.query and not now.typing,
    ),
    Step(
        "Form",
        "browse",
        "{browse.new}, then m. Type a name; {register.save} signs it, {register.next_problem} goes to a problem.",
        lambda first, before, now: now.records > first.records or (before.form and not now.form),
    ),
    Step(
        "Pull",
        "sync",
        "{sync.pull} pulls from the neighbour what this replica has not.",
        lambda first, _, now: now.pulled > first.pulled,
    ),
    Step(
        "Conflict",
        "",
        "{app.conflicts} shows yours: {conflict.take_a} or {conflict.take_b} takes a field, {conflict.side_a} or "
        "{conflict.side_b} all of one, {conflict.save} signs it.",
        lambda first, _, now: now.conflicts < first.conflicts,
    ),
)


class TourLine(Static):
    """The two lines."""


class Tour:
    """The tour of one app: made once, begun and left as often as somebody likes.

    Attributes:
        at: the step, None while there is no tour.
    """

    def __init__(self, host: RegistryHost) -> None:
        self.at: int | None = None
        self._host = host
        self._first: Seen | None = None
        self._before: Seen | None = None
        self._said = ""
        self._timer: Timer | None = None
        self._lines: list[TourLine] = []

    def begin(self) -> None:
        """From its first step."""
        self._go(0, "")
        if self._timer is None:
            self._timer = self._host.set_interval(_SECONDS, self._look)
            self._host.screen_change_signal.subscribe(self._host, self._screen_changed)
        self._show()

    def leave(self, words: str = "") -> None:
        """Take it away, wherever one is."""
        self.at = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._host.screen_change_signal.unsubscribe(self._host)
        for line in self._lines:
            if line.is_attached:
                line.screen.remove_class("-touring")
                line.remove()
        self._lines.clear()
        self._host.say(words or f"the tour is over: {key_of('app.tour')} begins it again", "done")

    async def ask(self) -> None:
        """Ask over the screen in front what is to become of it. A step of a flow."""
        front, at = self._host.screen, self.at
        if at is None or not isinstance(front, FlowScreen):
            return
        last = at + 1 == len(STEPS)
        choices = [kit.Choice("n", "next", "end of the tour" if last else f"next: {STEPS[at + 1].name}")]
        if at:
            choices.append(kit.Choice("b", "before", f"back to: {STEPS[at - 1].name}"))
        choices.append(kit.Choice("l", "leave", "leave the tour", "everything stays as it is"))
        step = STEPS[at]
        match await front.ask(kit.ChooseScreen(f"Tour, {at + 1} of {len(STEPS)}: {step.name}", choices, step.words)):
            case "next" if not last:
                self._go(at + 1, "")
                self._show()
            case "before":
                self._go(at - 1, "")
                self._show()
            case "next" | "leave":
                self.leave()

    # How

    def _go(self, at: int, said: str) -> None:
        self.at, self._said = at, said
        self._first = self._before = self._seen()

    def _look(self) -> None:
        at, first, before = self.at, self._first, self._before
        now = self._before = self._seen()
        if at is None or now is None:
            return
        if first is None or before is None:
            self._first = now  # the replica was not read yet
            return
        step = STEPS[at]
        if not step.is_done(first, before, now):
            self._show()
        elif at + 1 < len(STEPS):
            self._go(at + 1, f"✓ {step.name} done")
            self._show()
        else:
            self.leave(f"{step.name} done, and that was the tour: {key_of('app.help')} shows every key")

    def _seen(self) -> Seen | None:
        facts = self._host.facts
        base = self._host.get_screen_stack("browse")[0]
        if facts is None or not isinstance(base, BrowseScreen):
            return None
        form = any("register" in screen.WHERE for screen in self._host.screen_stack if isinstance(screen, FrameScreen))
        return Seen(
            base.answered.query,
            base.bar.is_typing,
            form,
            facts.stats.records,
            max((peer.last_sync or 0 for peer in facts.peers), default=0),
            facts.in_conflict,
        )

    def _screen_changed(self, _: Screen[object]) -> None:
        self._show()

    def _show(self) -> None:
        front = self._host.screen
        if self.at is None or not isinstance(front, FrameScreen):
            return
        line = next(iter(front.query(TourLine)), None)
        if line is None:
            below = next(iter(front.query(StatusLine)), None)
            if below is None:
                self._host.set_timer(_SOON_SECONDS, self._show)  # it is still being put together
                return
            read_styles(self._host, "tour.tcss")
            line = TourLine()
            self._lines.append(line)
            front.mount(line, after=below)
            front.add_class("-touring")
        line.update(self._words(self.at))

    def _words(self, at: int) -> Content:
        step = STEPS[at]
        here = step.mode in ("", self._host.current_mode)
        go = "" if here else f"   {key_of(f'app.{step.mode}')} goes to {step.mode.title()}"
        head = Content.styled(f"Tour {at + 1} of {len(STEPS)}: {step.name}", "bold $text-accent")
        said = f"   {self._said}" if self._said else ""
        head = head.append(Content.styled(said, "$text-success"))
        head = head.append(Content.styled(go, "bold"))
        head = head.append(Content.styled(f"   {key_of('app.tour')} skips or leaves", "$foreground-muted"))
        return head.append("\n").append(step.words)
