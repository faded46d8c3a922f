"""The base of every full screen, and the lines around it: title line, status line, a footer of at most seven keys."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar, Final, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui_registry.present.news import news_words, watched_words
from tui_registry.text import address_short, age, exact, plural, safe_text
from tui_registry.tui.kit.actions import Action, Where, action, key_name, meant_by
from tui_registry.tui.kit.facts import Facts, Outcome, Tone
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.text_flow import stack, wrapped

Result = TypeVar("Result")
APP_NAME: Final = "tui_registry"
MOST_FOOTER_KEYS: Final = 7
# Of what is watched so much is told by name.
_WATCHED_TOLD: Final = 2
# Where a list and the text of its line have room beside each other, as Textual has its breakpoints.
BESIDE: Final = [(0, "-below"), (140, "-beside")]
MODES: Final = ("app.browse", "app.register", "app.sync", "app.history", "app.settings")


class FrameScreen(FlowScreen[Result], Generic[Result]):
    """A screen inside the frame. Subclasses fill the body, and name their actions.

    Attributes:
        WHERE: the places of the registry of actions that this screen is; say `BINDINGS = bindings_for(*WHERE)` too.
        FOOTER: ids of the actions the footer shows, at most seven.
        HEADING: the first words of the title line.
        MODE: the id of the mode's action that the title line marks; empty for that in which the screen was opened.
    """

    WHERE: ClassVar[tuple[Where, ...]] = ()
    FOOTER: ClassVar[tuple[str, ...]] = ()
    HEADING: ClassVar[str] = APP_NAME
    MODE: ClassVar[str] = ""

    def compose_body(self) -> Iterable[Widget]:
        """What stands between the title line and the status line."""
        raise NotImplementedError

    def footer_actions(self) -> tuple[str, ...]:
        """The ids of the actions that the footer shows now; asked again whenever the focus moves."""
        return self.FOOTER

    def compose(self) -> ComposeResult:
        yield from self.compose_frame()
        with Container(id="body"):
            yield from self.compose_body()

    def compose_frame(self) -> Iterable[Widget]:
        """The lines around the body."""
        yield TitleLine([action(mode) for mode in MODES], self.MODE or f"app.{self.app.current_mode}")
        yield KeyFooter()
        yield StatusLine()

    def on_mount(self) -> None:
        self.title_line.heading = self.HEADING
        self.refresh_footer()

    @property
    def title_line(self) -> TitleLine:
        return self.query_one(TitleLine)

    def note(self, text: str) -> None:
        """Show a few words at the right end of the title line."""
        self.title_line.note = text

    def hint(self, text: str, tone: Tone = "note") -> None:
        """Show what stands while there is no result: validation, what is wrong with this record."""
        self.query_one(StatusLine).hint = Outcome(text, tone)

    def next_step(self) -> None:
        """The person went on: the result of the last action has been read."""
        if self.host.outcome.text:
            self.host.say("")

    def on_key(self, event: events.Key) -> None:
        """Say once of a key that does nothing here what it may have been meant to do."""
        focused, at_hand = self.focused, self.active_bindings
        types = focused is not None and focused.check_consume_key("a", "a")
        if types or event.key in at_hand or event.key in self.host.told_keys:
            return
        self.host.told_keys.add(event.key)
        meant = meant_by(event.key, {bound.binding.id or "" for bound in at_hand.values()})
        helps = action("app.help")
        words = f"{helps.footer_key} shows all keys" if meant is None else f"{meant.footer_key} is {meant.label}"
        # With ctrl a key has a character too, one that cannot be shown
        typed = safe_text(event.character or "").strip() if event.is_printable else ""
        self.say(f"{typed or key_name(event.key)} does nothing here: {words}")

    def refresh_footer(self) -> None:
        self.query_one(KeyFooter).show([action(name) for name in self.footer_actions()])

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _focus_moved(self) -> None:
        # While the screen is being put together there is no footer yet.
        if self.is_mounted:
            self.refresh_footer()


class Line(Widget):
    """One line of text with places that can be clicked."""

    ALLOW_SELECT: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, Action]] = []

    def action_at(self, x: int) -> Action | None:
        """The action whose words stand in that column."""
        return next((action for start, end, action in self._places if start <= x < end), None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        action = self.action_at(event.x - self.gutter.left)
        keys = "" if action is None else action.shown_keys or action.footer_key
        self.tooltip = None if action is None else Content(f"{action.tooltip} ({keys})")

    async def on_click(self, event: events.Click) -> None:
        action = self.action_at(event.x - self.gutter.left)
        if action is not None and action.keys:
            self.app.simulate_key(action.pressed_key)
        elif action is not None:
            await self.app.run_action(action.name, self.app if action.where == "everywhere" else self.screen)


class TitleLine(Line):
    """Where one is, and how the replica stands: records, last sync, peers that fail.

    Attributes:
        heading: what the screen is; the app's name where it has no other.
        note: stands at the right, such as "draft saved 2 s ago".
    """

    heading: reactive[str] = reactive(APP_NAME)
    note: reactive[str] = reactive("")

    def __init__(self, modes: Sequence[Action], current_mode: str) -> None:
        super().__init__()
        self._modes = modes
        self._current = current_mode

    def on_mount(self) -> None:
        host = host_of(self)
        for name in ("facts", "minute", "settings"):
            self.watch(host, name, self._changed, init=False)

    def _changed(self) -> None:
        self.refresh()

    def render(self) -> Content:
        width = self.content_size.width
        host = host_of(self)
        lists = isinstance(self.screen, FrameScreen) and "browse" in self.screen.WHERE
        said = partial(facts_in_words, now=host.now(), replica=host.settings.name, lists=lists)
        facts = [] if host.facts is None else said(host.facts)
        sample = [(host.sample, "bold $text-warning")] if host.sample else []
        facts += sample
        note: list[tuple[str, str]] = [] if not self.note else [(safe_text(self.note), "$foreground-muted")]
        kept = _kept(host.facts) + len(sample)
        if host.facts is not None and self._left(0).cell_length + _width([*facts[-kept:], *note]) + 2 > width:
            facts = [*said(host.facts, in_short=True), *sample]
        # What matters least goes first when the terminal is narrow; trouble and the number of records stay.
        parts = [*facts, *note]
        left = self._left(width - _width([*facts[-kept:], *note]) - 2)
        while parts and _width(parts) + left.cell_length + 2 > width:
            parts.pop(0)
        right = Content.styled(" · ", "$foreground-muted").join([Content.styled(text, style) for text, style in parts])
        gap = max(1, width - left.cell_length - right.cell_length)
        return Content.assemble(left, " " * gap, right)

    def _left(self, room: int) -> Content:
        """The heading and the modes; where there is little room without what they say twice, then with bare keys."""
        twice = self.heading in (APP_NAME, *(mode.label for mode in self._modes if mode.id == self._current))
        for heading, labels in ((True, True), (not twice, True), (True, False), (not twice, False)):
            content = self._spelt(safe_text(self.heading, 40) if heading else "", labels)
            if content.cell_length <= room:
                break
        return content

    def _spelt(self, heading: str, labels: bool) -> Content:
        content = Content.styled(heading, "bold $text-primary")
        self._places.clear()
        for mode in self._modes:
            content = content.append("  " if content else "")
            current = mode.id == self._current
            start = content.cell_length
            key = mode.footer_key if mode.keys else ""
            words = f"{key} {mode.label}".lstrip() if labels or current or not key else key
            text = f"[{words}]" if current else f" {words} "
            content = content.append(Content.styled(text, "bold" if current else "$foreground-muted"))
            self._places.append((start, content.cell_length, mode))
        return content


def facts_in_words(
    facts: Facts, now: int, replica: str, *, lists: bool = True, in_short: bool = False
) -> list[tuple[str, str]]:
    """What the title line says of the replica, least important first, as (text, style).

    Args:
        lists: a key lists there what is new.
        in_short: of what is new only how much it is.
    """
    name = replica or platform.node()
    words = [
        (f"{safe_text(name, 20)} {address_short(facts.address)}", "$foreground-muted"),
    ]
    synced = [peer.last_sync for peer in facts.peers if peer.last_sync is not None]
    if synced:
        since = age(max(0, now - max(synced)))
        words.append(("synced just now" if since == "now" else f"synced {since} ago", "$foreground-muted"))
    count = facts.stats.records
    if facts.news is not None and facts.news.records:
        told = [watched_words(one, facts.owners) for one in facts.watched[:_WATCHED_TOLD]]
        more = [f"{len(facts.watched) - _WATCHED_TOLD} more watched"] if len(facts.watched) > _WATCHED_TOLD else []
        words += [(text, "$text-accent") for text in (*more, *told)]
        short = f"{'' if facts.news.exact else 'over '}{exact(facts.news.records)} new"
        key = f"{action('browse.news').footer_key} " if lists else ""
        words.append((f"{key}{short if in_short else news_words(facts.news)}", "$text-accent"))
    words.append((plural(count, "record"), ""))
    failing = sum(peer.last_error is not None for peer in facts.peers)
    if failing:
        words.append((f"! {plural(failing, 'peer')} failing", "bold $text-warning"))
    if facts.in_conflict:
        key = action("app.conflicts").footer_key
        words.append((f"{key} {plural(facts.in_conflict, 'conflict')}", "bold $text-warning"))
    if facts.read_only:
        words.append(("! read-only", "bold $text-warning"))
    if facts.restored:
        words.append(("! older copy", "bold $text-warning"))
    # Where not all troubles fit: no list marks this one, and it may be a thief.
    if facts.elsewhere:
        words.append((f"! {facts.elsewhere:,} elsewhere", "bold $text-warning"))
    return words


def _kept(facts: Facts | None) -> int:
    """How many of the last words of `facts_in_words` stay in sight: the records, what is new and trouble if any is."""
    if facts is None:
        return 1
    trouble = (
        facts.news is not None and facts.news.records,
        facts.in_conflict,
        facts.elsewhere,
        facts.read_only,
        facts.restored,
        any(peer.last_error is not None for peer in facts.peers),
    )
    return 1 + sum(map(bool, trouble))


def _width(parts: Sequence[tuple[str, str]]) -> int:
    return sum(Content(text).cell_length for text, _ in parts) + 3 * (len(parts) - 1)


_TONES: Final[dict[Tone, tuple[str, str]]] = {
    "done": ("✓ ", "$text-success"),
    "problem": ("! ", "$text-warning"),
    "note": ("", "$foreground-muted"),
}


class StatusLine(Line):
    """The result of the last action; without one, what the screen has to say of itself (`hint`)."""

    hint: reactive[Outcome] = reactive(Outcome("", "note"))

    def on_mount(self) -> None:
        self.watch(host_of(self), "outcome", self._changed, init=False)

    def _changed(self) -> None:
        self.styles.height = len(self._lines())
        self.refresh()

    def watch_hint(self) -> None:
        if self.is_mounted:
            self._changed()

    def on_resize(self) -> None:
        self._changed()

    @property
    def shown(self) -> Outcome:
        """What the line says now."""
        outcome = host_of(self).outcome
        return outcome if outcome.text else self.hint

    def render(self) -> Content:
        return stack(self._lines())

    def _lines(self) -> list[Content]:
        """One line, cut at its end. What went wrong stands nowhere else, and what helps comes last in it: that gets a
        second one."""
        sign, style = _TONES[self.shown.tone]
        text, width = safe_text(self.shown.text), self.content_size.width
        whole = Content.styled(f"{sign if text else ''}{text}", style)
        first = wrapped(whole, width)[0] if text and width and self.shown.tone == "problem" else whole
        rest = whole[len(first.plain) :]
        gap = len(rest.plain) - len(rest.plain.lstrip())
        lines = [first, rest[gap:]] if rest.plain.strip() else [whole]
        return [line.truncate(width, ellipsis=True) for line in lines]


class KeyFooter(Line):
    """The keys that matter now, at most seven; a click on one presses it."""

    def __init__(self) -> None:
        super().__init__()
        self._actions: tuple[Action, ...] = ()

    def show(self, actions: Sequence[Action]) -> None:
        """Show these actions; more than seven is a mistake."""
        assert len(actions) <= MOST_FOOTER_KEYS
        if tuple(actions) != self._actions:
            self._actions = tuple(actions)
            self.refresh()

    def render(self) -> Content:
        self._places.clear()
        content = Content("")
        for shown in self._actions:
            if not shown.keys:
                continue  # the person took them away
            start = content.cell_length
            key, label = Content.styled(shown.footer_key, "bold $text-accent"), f" {shown.label}"
            end = start + key.cell_length + len(label)
            if end > self.content_size.width:
                break  # a whole key less rather than half a word
            content = content.append(key).append(Content.styled(label, "$foreground-muted")).append("   ")
            self._places.append((start, end, shown))
        return content
