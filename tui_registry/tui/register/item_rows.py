"""The row of a list of texts: each item by itself, more of them typed behind, completed from what is registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from tui_registry.errors import Problem
from tui_registry.records import schema
from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.flows import flow, read
from tui_registry.tui.register.field_rows import FieldRow
from tui_registry.tui.register.form_fields import FormField, finished_items, join_items, split_items
from tui_registry.tui.register.inputs import SafeInput, shown_line
from tui_registry.tui.register.known_words import WordOffers, asked

_NARROWEST = 24


class ItemsRow(FieldRow):
    """A list of texts."""

    class Said(Message):
        """Something to know about what was typed. A message, so that it is shown after what `Edited` brings about."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(field, text)
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
            yield Static(Content(""), classes="full")
            with Horizontal(classes="typing"):
                yield Static(Content(""), classes="tail")
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
    def _line_changed(self) -> None:
        # The line itself: of a burst of keys, it may hold more by now than when the event was made
        line = self.control.value
        finished, rest = finished_items(line)
        if finished or (line and not line.strip(" ,")):
            self.take_in(finished, rest)
        else:
            self._look_up()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        chosen = self.offers.chosen
        if chosen is not None:
            event.stop()
            self.take_in([chosen.word])
        elif self.enter():
            event.stop()

    def on_chip_input_touched(self, event: ChipInput.Touched) -> None:
        """The items changed, or the cursor on them."""
        event.stop()
        self.close_offers()
        self.draw()
        self.took_input()

    def on_descendant_blur(self) -> None:
        # When the form closes, the row may be gone before it loses the focus
        if not self.has_focus_within and self.is_attached:
            self.chips.at = None
            self.take_in(self.control.typed_items)

    # ---- what it looks like

    def word(self, item: str) -> str:
        """An item as it is read."""
        return item

    def show_problems(self, problems: list[Problem]) -> None:
        super().show_problems(problems)
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Lay the items out anew."""
        width = max(_NARROWEST, self.query_one(".chips").content_size.width)
        full, line = laid_out([self.word(item) for item in self.chips.items], width)
        above, tail = self.query_one(".full", Static), self.query_one(".tail", Static)
        above.display, tail.display = bool(full), bool(line)
        marks = self._marks()
        _put(above, Content("\n").join([self._line(chips, marks) for chips in full]))
        _put(tail, self._line(line, marks))
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
        self.offers.close()

    def _look_up(self) -> None:
        if self.control.value.strip():
            self._find(take_first=False)
        else:
            self.close_offers()

    @flow(group="words", exclusive=True, background=True)
    async def _find(self, *, take_first: bool) -> None:
        """Offer what records here say and begins as what is typed, or take the first of it."""
        if self.ask is None:
            return
        typed = self.control.value.strip()
        known = await read(asked, self.ask, self.field.path, typed)
        if typed != self.control.value.strip() or not self.has_focus_within:
            return
        found = [one for one in known if one.word not in {*self.chips.items, typed}]
        if take_first and found:
            self.take_in([found[0].word])
        else:
            self.offers.show(found, self.control.cursor_screen_offset)

    def on_chip_input_completing(self, event: ChipInput.Completing) -> None:
        """Somebody asks what could be typed, or takes the first of it."""
        event.stop()
        best = self.offers.best
        if event.take and best is not None:
            self.take_in([best.word])
        else:
            self._find(take_first=event.take)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take_in([self.offers.found[event.option_index].word])

    def on_key(self, event: events.Key) -> None:
        if self.offers.press(event.key):
            event.stop()
            event.prevent_default()


_STYLES = {"✗": "$text-error on $error-muted", "!": "$text-warning on $warning-muted"}


def _put(line: Static, content: Content) -> None:
    """Show something in a line, unless it stands there already: another text lays out the whole form anew."""
    shown = line.content
    if not (isinstance(shown, Content) and shown.is_same(content)):
        line.update(content)


class ChipInput(SafeInput):
    """One line after some items. Left at its start goes to the items, Backspace in an empty line takes the last back.

    Attributes:
        chips: the items and the cursor on them; what is typed here is not among them yet.
    """

    BINDINGS = bindings_for("items")

    class Touched(Message):
        """The items changed, or the cursor on them."""

    class Completing(Message):
        """Somebody asks what could be typed, or takes the first of it when `take` is set."""

        def __init__(self, *, take: bool) -> None:
            super().__init__()
            self.take = take

    def __init__(self) -> None:
        super().__init__(joiner=", ")
        self.chips = Chips([])

    @property
    def typed_items(self) -> list[str]:
        """What is being typed, as items."""
        return split_items(self.value)

    def replace(self, text: str, start: int, end: int) -> None:
        self._leave_items()
        super().replace(text, start, end)

    def on_paste(self, event: events.Paste) -> None:
        # A list that is pasted is whole: its last item is finished too
        if "," in event.text or "\n" in event.text.strip():
            event.text = event.text.rstrip().rstrip(",") + ","
        super().on_paste(event)

    # ---- keys

    def action_cursor_left(self, select: bool = False) -> None:
        at_start = self.cursor_position == 0 and self.selection.is_empty
        if self.chips.at is None and (select or not at_start):
            super().action_cursor_left(select)
        elif self.chips.left():
            self._touched()

    def action_cursor_right(self, select: bool = False) -> None:
        if self.chips.right():
            self._touched()
        elif not select and self.value and self.cursor_position == len(self.value):
            self.post_message(self.Completing(take=True))
        else:
            super().action_cursor_right(select)

    def action_home(self, select: bool = False) -> None:
        if self.chips.items and not select and self.cursor_position == 0:
            self.chips.at = 0
            self._touched()
        else:
            super().action_home(select)

    def action_end(self, select: bool = False) -> None:
        self._leave_items()
        super().action_end(select)

    def action_cursor_left_word(self, select: bool = False) -> None:
        if self.chips.at is None:
            super().action_cursor_left_word(select)
        elif self.chips.shift(-1):
            self._touched()

    def action_cursor_right_word(self, select: bool = False) -> None:
        if self.chips.at is None:
            super().action_cursor_right_word(select)
        elif self.chips.shift(1):
            self._touched()

    def action_delete_left(self) -> None:
        if self.chips.at is not None:
            self.action_delete_right()
        elif self.value:
            super().action_delete_left()
        else:
            self._take_back()

    def action_delete_right(self) -> None:
        if self.chips.at is None:
            super().action_delete_right()
        elif self.chips.remove() is not None:
            self._touched()

    def action_undo(self) -> None:
        """Back to before the last item came or went."""
        typed = self.chips.undo()
        if typed is not None:
            self._put(typed)

    def action_complete(self) -> None:
        """Offer what records here say in this field."""
        self.post_message(self.Completing(take=False))

    async def action_submit(self) -> None:
        if self.chips.at is not None:
            self._take_back()
        else:
            await super().action_submit()

    # ---- how

    def _take_back(self) -> None:
        at = self.chips.at
        item = None if at is None else self.chips.items[at]
        if self.value.strip():
            self.chips.add(self.typed_items, self.value)
        if item is not None:
            self.chips.at = self.chips.items.index(item)
        taken = self.chips.take_back()
        if taken is not None:
            self._put(shown_line(join_items([taken])))

    def _put(self, text: str) -> None:
        with self.prevent(SafeInput.Changed):
            self.value = text
        self.cursor_position = len(text)
        self._touched()

    def _leave_items(self) -> None:
        if self.chips.at is not None:
            self.chips.at = None
            self._touched()

    def _touched(self) -> None:
        self.post_message(self.Touched())


_MOST_UNDONE = 100
# The narrowest line to type in beside items; below that it stands under them.
LEAST_LINE = 10


@dataclass(slots=True)
class Chips:
    """The items of a list.

    Attributes:
        items: each exactly as it is, hidden characters and all.
        at: the item under the cursor; None while the cursor is in the line.
        hole: where the next item goes; None for the end.
    """

    items: list[str]
    at: int | None = None
    hole: int | None = None
    _before: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    # ---- changing the items

    def add(self, items: Sequence[str], typed: str) -> list[str]:
        """Put items where the last one was taken from, or at the end; returns those that were there already.

        Args:
            items: the new ones.
            typed: what they were made of, for `undo`.
        """
        fresh, known = list[str](), list[str]()
        for item in items:
            (known if item in self.items or item in fresh else fresh).append(item)
        if fresh:
            self._remember(typed)
            place = len(self.items) if self.hole is None else self.hole
            self.items[place:place] = fresh
        self.at = self.hole = None
        return known

    def remove(self) -> str | None:
        """Remove the item under the cursor, which goes on to the next; returns what it was."""
        if self.at is None:
            return None
        self._remember()
        gone = self.items.pop(self.at)
        self.at = self.at if self.at < len(self.items) else None
        self.hole = None
        return gone

    def take_back(self) -> str | None:
        """Take the item under the cursor, or else the last one, back to change it."""
        if not self.items:
            return None
        self._remember()
        place = len(self.items) - 1 if self.at is None else self.at
        taken = self.items.pop(place)
        self.at, self.hole = None, place
        return taken

    def shift(self, step: int) -> bool:
        """Move the item under the cursor by one place; False where it had no room to."""
        if self.at is None or not 0 <= self.at + step < len(self.items):
            return False
        self._remember()
        item = self.items.pop(self.at)
        self.at += step
        self.items.insert(self.at, item)
        return True

    def undo(self) -> str | None:
        """Back to before the last change: returns what was typed then, or None when there was no change."""
        if not self._before:
            return None
        items, typed = self._before.pop()
        self.items = list(items)
        self.at = self.hole = None
        return typed

    def _remember(self, typed: str = "") -> None:
        self._before.append((tuple(self.items), typed))
        del self._before[:-_MOST_UNDONE]

    # ---- moving the cursor

    def left(self) -> bool:
        """To the item before; from the line to the last one. Tells whether there is one."""
        place = len(self.items) if self.at is None else self.at
        if place == 0:
            return False
        self.at = place - 1
        return True

    def right(self) -> bool:
        """To the next item, and from the last one into the line; False in the line."""
        if self.at is None:
            return False
        self.at = self.at + 1 if self.at + 1 < len(self.items) else None
        return True

    # ---- reading

    def with_typed(self, typed: Sequence[str]) -> list[str]:
        """All items, with those that are still being typed in their place."""
        place = len(self.items) if self.hole is None else self.hole
        return [*self.items[:place], *typed, *self.items[place:]]


@dataclass(frozen=True, slots=True)
class Chip:
    """One item as it is shown: `text` in cells that are safe, `place` in the list."""

    text: str
    place: int


def laid_out(words: Sequence[str], width: int) -> tuple[list[list[Chip]], list[Chip]]:
    """The items in lines of so many cells: the full ones, and the last, beside which there is room to type.

    Each item takes a cell more on either side, and one stands between two.
    """
    full: list[list[Chip]] = []
    line: list[Chip] = []
    used = 0
    for place, word in enumerate(words):
        chip = Chip(fitted(word, max(4, width - 2)), place)
        needed = cell_len(chip.text) + 3
        if line and used + needed - 1 > width:
            full.append(line)
            line, used = [], 0
        line.append(chip)
        used += needed
    if line and used + LEAST_LINE > width:
        full.append(line)
        line = []
    return full, line


def fitted(word: str, width: int) -> str:
    """A word in one line of at most so many cells, safe to show; spaces do not break it."""
    text = safe_text(word).replace(" ", "\xa0")
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
