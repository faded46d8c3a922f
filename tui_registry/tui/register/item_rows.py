"""The rows of lists of texts: each item by itself, more of them typed behind, completed from what is registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from tui_registry.errors import Problem
from tui_registry.records import schema
from tui_registry.text import exact, safe_text
from tui_registry.tui.register.chip_input import ChipInput
from tui_registry.tui.register.chips import Chip, Chips, laid_out
from tui_registry.tui.register.completion import Ask, Known, asked
from tui_registry.tui.register.field_row import FieldRow
from tui_registry.tui.register.fields import FormField
from tui_registry.tui.register.items import finished_items, join_items, split_items
from tui_registry.tui.register.word_offers import WordOffers

_NARROWEST = 24


class ItemsRow(FieldRow):
    """A list of texts. `ask` tells what completes them."""

    class Said(Message):
        """Something to know about what was typed."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    class WordsFound(Message):
        """What records here say, for what was typed when it was asked."""

        def __init__(self, typed: str, found: Sequence[Known]) -> None:
            super().__init__()
            self.typed = typed
            self.found = found

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(field, text)
        self.ask: Ask | None = None
        self._take_first = False
        self._lines = 0

    @property
    def control(self) -> ChipInput:
        return self.query_one(ChipInput)

    @property
    def chips(self) -> Chips:
        """The items that are not being typed any more."""
        return self.control.chips

    @property
    def offers(self) -> WordOffers:
        """The list of words that complete what is typed."""
        return self.query_one(WordOffers)

    def compose_control(self) -> ComposeResult:
        with Vertical(classes="chips"):
            yield Static(classes="full")
            with Horizontal(classes="typing"):
                yield Static(classes="tail")
                yield ChipInput()
        yield WordOffers()

    # ---- the text

    def show_text(self, text: str) -> None:
        self.control.chips = Chips(split_items(text))
        self.put_line("")
        self.draw()

    def read_text(self) -> str:
        return join_items(self.chips.with_typed(self.control.typed_items))

    def put_line(self, line: str) -> None:
        """Put something into the line, in place of what is typed there."""
        from_end = len(self.control.value) - self.control.cursor_position
        with self.prevent(Input.Changed):
            self.control.value = line
        self.control.cursor_position = max(0, len(line) - from_end)

    def take_in(self, items: Sequence[str], rest: str = "") -> None:
        """Make items of what was typed; the rest of it stays in the line."""
        known = self.chips.add(items, join_items([*items, *split_items(rest)]))
        self.put_line(rest)
        self.close_offers()
        self.draw()
        self.took_input()
        count, most = len(self.chips.items), self.field.type.most if isinstance(self.field.type, schema.Many) else 0
        if known:
            self.post_message(self.Said(f"{safe_text(self.word(known[0]), 40)} is there already"))
        elif count > most:
            self.post_message(self.Said(f"{exact(count)} are more than the {exact(most)} of a record: take some out"))

    def enter(self) -> bool:
        """Somebody pressed Enter in the line; False when there was nothing to do for it here."""
        items = self.control.typed_items
        if items:
            self.take_in(items)
        return bool(items)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        # The line itself: of a burst of keys, it may hold more by now than when the event was made
        line = self.control.value
        finished, rest = finished_items(line)
        if finished or (line and not line.strip(" ,")):
            self.take_in(finished, rest)
        else:
            self._look_up()
            self.took_input()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        chosen = self.offers.chosen
        if chosen is not None:
            event.stop()
            self.take_in([chosen.word])
        elif self.enter():
            event.stop()

    @on(ChipInput.Touched)
    def _touched(self, event: ChipInput.Touched) -> None:
        event.stop()
        self.close_offers()
        self.draw()
        self.took_input()

    def on_descendant_blur(self) -> None:
        # A form that closes takes the focus away from what is no longer there
        if not self.has_focus_within and self.is_attached:
            self.chips.at = None
            self.take_in(self.control.typed_items)
        super().on_descendant_blur()

    # ---- what it looks like

    def word(self, item: str) -> str:
        """An item as it is read."""
        return item

    def show_problems(self, problems: Sequence[Problem]) -> bool:
        is_new = super().show_problems(problems)
        if is_new:
            self.draw()
        return is_new

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Lay the items out anew."""
        width = max(_NARROWEST, self.query_one(".chips").content_size.width)
        full, line = laid_out([self.word(item) for item in self.chips.items], width)
        above, tail = self.query_one(".full", Static), self.query_one(".tail", Static)
        above.display, tail.display = bool(full), bool(line)
        marks = self._marks()
        above.update(Content("\n").join([self._line(chips, marks) for chips in full]))
        tail.update(self._line(line, marks))
        hint = self.field.hint if not self.chips.items else ""
        self.control.placeholder = f"e.g. {hint}" if hint else ""
        if len(full) != self._lines:
            self._lines = len(full)
            if self.has_focus_within:
                # The line went down or up: it must not leave the part of the form that is seen
                self.call_after_refresh(self.post_message, self.Entered(self))

    def _marks(self) -> dict[int, str]:
        """A sign for each item that something is wrong with."""
        marks: dict[int, str] = {}
        for problem in self.problems:
            place = problem.path.partition("[")[2].removesuffix("]")
            if place.isdigit():
                marks[int(place)] = "✗" if problem.severity == "error" else marks.get(int(place), "!")
        return marks

    def _line(self, chips: Sequence[Chip], marks: Mapping[int, str]) -> Content:
        return Content(" ").join([self._chip(chip, marks.get(chip.place, "\xa0")) for chip in chips])

    def _chip(self, chip: Chip, mark: str) -> Content:
        if chip.place == self.chips.at:
            return Content.styled(f"[{chip.text}]", "$block-cursor-foreground on $block-cursor-background bold")
        return Content.styled(f"{mark}{chip.text}\xa0", _STYLES.get(mark, "$text on $primary-muted"))

    # ---- what could be typed

    def close_offers(self) -> None:
        """Offer nothing, not even what is still being asked for."""
        self.workers.cancel_group(self, "words")
        self._take_first = False
        self.offers.close()

    def _look_up(self) -> None:
        if self.control.value.strip():
            self._find(take_first=False)
        else:
            self.close_offers()

    def _find(self, *, take_first: bool) -> None:
        self._take_first = take_first
        if self.ask is not None:
            self._ask(self.control.value.strip(), self.ask)

    @work(thread=True, exclusive=True, group="words")
    def _ask(self, typed: str, ask: Ask) -> None:
        self.post_message(self.WordsFound(typed, asked(ask, self.field.path, typed)))

    @on(WordsFound)
    def _offer(self, message: WordsFound) -> None:
        message.stop()
        if message.typed != self.control.value.strip() or not self.has_focus_within:
            return
        there = {*self.chips.items, message.typed}
        found = [known for known in message.found if known.word not in there]
        if self._take_first and found:
            self.take_in([found[0].word])
        else:
            self._take_first = False
            self.offers.show(found, self.control.cursor_screen_offset)

    @on(ChipInput.Completing)
    def _complete(self, event: ChipInput.Completing) -> None:
        event.stop()
        best = self.offers.best
        if event.take and best is not None:
            self.take_in([best.word])
        else:
            self._find(take_first=event.take)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take_in([self.offers.word_at(event.option_index).word])

    def on_key(self, event: events.Key) -> None:
        if self.offers.press(event.key):
            event.stop()
            event.prevent_default()


_STYLES = {"✗": "$text-error on $error-muted", "!": "$text-warning on $warning-muted"}
