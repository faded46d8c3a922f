"""Help: every key, from the registry of actions, and the query language, from the grammar's own text; and the pages of
the package, as the command line prints them. The command palette finds the same by a word, and the saved searches."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.types import IgnoreReturnCallbackType
from textual.widgets import Input, Static

from tui_registry import query
from tui_registry.errors import RegistryError
from tui_registry.present.owners import LIKE_MARK, LIKE_MARK_MEANS
from tui_registry.present.pages import PAGES, page_text
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import HEADINGS, Action, Where, actions_for, bindings_for, key_name, key_of
from tui_registry.tui.kit.authored import markdown_lines
from tui_registry.tui.kit.dialogs import NARROWING_STYLES, NarrowingInput, NarrowingLine
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.host import RegistryHost, styled
from tui_registry.tui.kit.messages import Search
from tui_registry.tui.kit.text_flow import TextBody, field, heading, paragraph, stack

_KEYS_WIDTH = 22
_EXAMPLE_WIDTH = 24


# What stands in a page, for a width: of it only what holds these words, where there are any.
Page = Callable[[Sequence[str], int], Content]


class PageScreen(FlowScreen[None], ModalScreen[None]):
    """A text to read, over any screen. What is typed narrows it; Esc shows all of it again, then closes it, as ? and F1
    do."""

    # Whole: Textual looks beside the subclass.
    CSS_PATH: ClassVar[list[str]] = [str(Path(__file__).with_name("help.tcss")), NARROWING_STYLES]  # type: ignore[assignment]
    AUTO_FOCUS: ClassVar[str] = "TextBody"
    FINDS: ClassVar[str] = "a word"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("page", "dialog"), ("question_mark,f1", "close")]

    def __init__(self, title: str, page: Page) -> None:
        super().__init__()
        self._title = title
        self._page = page

    def compose(self) -> ComposeResult:
        with Vertical():
            title = Content.assemble(
                (self._title, "bold"),
                (
                    f"   {key_of('text.down')} {key_of('text.up')} scroll · {key_of('dialog.back')} closes",
                    "$foreground-muted",
                ),
            )
            yield Static(title, id="help-title")
            yield NarrowingLine(f"type to find {self.FINDS}")
            yield TextBody()

    def on_mount(self) -> None:
        # The letter that leads there stays when the next one comes.
        self.query_one(NarrowingInput).select_on_focus = False
        self._show("")

    def _show(self, typed: str) -> None:
        body = self.query_one(TextBody)
        body.text.flow(partial(self._found, typed.casefold().split()))
        body.scroll_home(animate=False)

    def _found(self, words: Sequence[str], width: int) -> Content:
        """What of the page holds the words; says so where that is nothing."""
        found = self._page(words, width)
        return found if found.plain.strip() else _nothing(words)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._show(event.value)

    def on_key(self, event: events.Key) -> None:
        """A letter that nothing else is done with begins to narrow."""
        line = self.query_one(NarrowingInput)
        if event.is_printable and event.character and not line.has_focus and event.key not in self.active_bindings:
            event.stop()
            line.focus()
            line.insert_text_at_cursor(event.character)

    def action_find(self) -> None:
        self.query_one(NarrowingInput).focus()

    def action_to_list(self) -> None:
        self.query_one(TextBody).focus()

    def action_close(self) -> None:
        self.dismiss(None)

    def action_back(self) -> None:
        line = self.query_one(NarrowingInput)
        if not line.value and not line.has_focus:
            self.dismiss(None)
        line.value = ""
        self.query_one(TextBody).focus()


class HelpScreen(PageScreen):
    """All keys; those of the screen that it was asked from come first."""

    FINDS: ClassVar[str] = "a key or a word"

    def __init__(self, here: Iterable[Where] = ()) -> None:
        """
        Args:
            here: the places of the screen that help was asked from.
        """
        first = list(here)
        places = [*first, *(place for place in HEADINGS if place not in first)]
        super().__init__("Help", lambda words, width: help_text(places, width, words))


def page_of_package(name: str, heading: str = "") -> PageScreen:
    """A page of help to read.

    Args:
        name: one of `PAGES`.
        heading: one of its headings, whose part alone is shown; all of the page without one.
    """
    text = page_text(name)
    if heading:
        begins, _, title = heading.partition(" ")
        part = text[text.index(f"\n{heading}\n") + 1 :].partition("\n")[2]
        return PageScreen(title, partial(_laid_out, re.split(rf"\n(?=#{{1,{len(begins)}}} )", part)[0]))
    # By its name: titles are long, and how it is closed stands behind.
    return PageScreen(f"Help: {name}", partial(_laid_out, text))


def _laid_out(markdown: str, words: Sequence[str], width: int) -> Content:
    """One of our own pages for a width. Where words are given, only the paragraphs and tables that hold all of them."""
    lines: list[Content] = []
    # By its chapters: what is laid out of strangers' texts at once is bounded, and a page may be longer.
    for chapter in re.split(r"\n(?=## )", markdown):
        found = "\n\n".join(block for block in _BLOCK.findall(chapter) if _holds(block, words)) if words else chapter
        if found.strip():
            lines += [*markdown_lines(found, width, longest=len(found)), Content("")]
    return stack(lines)


# Up to an empty line; what is fenced has some of its own.
_BLOCK: Final = re.compile(r"(?:```.*?\n```|.+?)(?=\n\n|\s*\Z)", re.DOTALL)


def help_text(places: Iterable[Where], width: int, words: Sequence[str] = ()) -> Content:
    """All keys by place, how to search, and what each key does everywhere; where words are given, only the lines that
    hold all of them, each with its heading."""
    lines: list[Content] = []

    def chapter(title: str, entries: Iterable[tuple[str, str, str]]) -> None:
        shown = [(name, means) for name, means, label in entries if _holds(f"{name} {label} {means} {title}", words)]
        if shown:
            lines.extend(heading(title))
            for name, means in shown:
                lines.extend(field(f"  {name}", means, width, _KEYS_WIDTH))

    for place in places:
        chapter(
            HEADINGS[place], ((item.shown_keys, item.tooltip, item.label) for item in actions_for(place) if item.keys)
        )
    chapter(
        "Marks in the list",
        (
            ("!", f"Conflict: several versions are live; {key_of('record.conflict')} shows them all", ""),
            (LIKE_MARK, LIKE_MARK_MEANS, ""),
            ("+", "Dated more than a day ahead of this machine's clock", ""),
        ),
    )
    chapter(
        "What an operation in the history is now",
        (
            ("current", "The record is what this operation wrote", ""),
            ("rival", "Another live version of the record: a conflict, which its owner settles", ""),
            ("gone", "The record is deleted, and this did it", ""),
        ),
    )
    grammar = [line for line in safe_text(query.GRAMMAR, newlines=True).rstrip().split("\n") if _holds(line, words)]
    if grammar:
        lines += heading("Searching")
        for line in grammar:
            # What it means stands in a column of its own there, and stays in it
            example, means = line[:_EXAMPLE_WIDTH], line[_EXAMPLE_WIDTH:]
            beside = bool(means) and example.endswith("  ")
            lines += (
                field(f"  {example}", means, width, 2 + _EXAMPLE_WIDTH) if beside else paragraph(line, width, "", 2)
            )
    how = f"{key_of('app.palette')}, or {key_of('app.line')}help NAME"
    chapter(f"Pages to read: {how}", ((name, about, "page help") for name, about in PAGES.items()))
    chapter("Each key in all modes", ((key, means, "") for key, means in key_table()))
    return stack(lines[1:])


def key_table() -> list[tuple[str, str]]:
    """Each key, and what it does where: `d`, `delete (On a record), remove (Sync)`."""
    does: dict[str, list[str]] = {}
    for item in actions_for(*HEADINGS):
        for key in item.keys:
            does.setdefault(key_name(key), []).append(f"{item.label} ({HEADINGS[item.where]})")
    return [(key, ", ".join(means)) for key, means in sorted(does.items(), key=_by_kind)]


def _by_kind(entry: tuple[str, object]) -> tuple[bool, str, str]:
    """Single letters and signs first, small before capital."""
    key, _ = entry
    return len(key) > 1, key.casefold(), key.swapcase()


def _holds(text: str, words: Sequence[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)


def _nothing(words: Sequence[str]) -> Content:
    return Content(f"nothing here holds {safe_text(' '.join(words), 60)}: esc shows all again")


# The command palette


class ActionsProvider(Provider):
    """The actions of the screen, and those that work everywhere."""

    async def discover(self) -> Hits:
        for action, run in self._offers():
            yield DiscoveryHit(_shown(action), run, text=action.tooltip)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action, run in self._offers():
            score = max(matcher.match(action.label), matcher.match(action.tooltip), _by_key(action, query))
            if score > 0:
                yield Hit(score, _shown(action), run, text=action.tooltip)

    def _offers(self) -> Iterator[tuple[Action, IgnoreReturnCallbackType]]:
        screen = self.screen
        if isinstance(screen, FrameScreen):
            for action in actions_for(*screen.WHERE):
                yield action, partial(self._run, action, screen)
        for action in actions_for("own", "everywhere"):
            if action.id not in _NOT_HERE:
                yield action, partial(self._run, action, self.app)

    async def _run(self, action: Action, node: DOMNode) -> None:
        await self.app.run_action(action.name, default_namespace=node)


class SearchesProvider(Provider):
    """The saved searches: `Search: @name`."""

    async def startup(self) -> None:
        self._saved: dict[str, str] = {}
        app = self.app
        if isinstance(app, RegistryHost):
            try:
                self._saved = await asyncio.to_thread(app.datastore.searches.saved)
            except RegistryError as error:
                app.say(error.sentence, "problem")

    async def discover(self) -> Hits:
        for name, saved in self._saved.items():
            yield DiscoveryHit(_named(name, saved), partial(self._ask, name), text=f"Search: @{name}")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, saved in self._saved.items():
            score = matcher.match(f"Search: @{name}")
            if score > 0:
                yield Hit(score, _named(name, saved), partial(self._ask, name), text=f"Search: @{name}")

    def _ask(self, name: str) -> None:
        self.app.post_message(Search(f"@{name}"))


class PagesProvider(Provider):
    """The pages of help: `Help: trust`."""

    async def discover(self) -> Hits:
        for name, about in PAGES.items():
            yield DiscoveryHit(_headed(name, about), partial(self._read, name), text=f"Help: {name}")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about in PAGES.items():
            score = max(matcher.match(f"Help: {name}"), matcher.match(about))
            if score > 0:
                yield Hit(score, _headed(name, about), partial(self._read, name), text=f"Help: {name}")

    def _read(self, name: str) -> None:
        self.app.push_screen(styled(self.app, page_of_package(name)))


# The palette itself, and a second key for the same.
_NOT_HERE = ("app.palette", "app.help_f1")


# Above all that words are found by.
_THE_KEY, _ITS_BEGINNING = 100.0, 50.0


def _by_key(action: Action, query: str) -> float:
    """How well an action is found by its key as people write it: `s`, `S`, `ctrl+s`, `Ctrl+`."""
    typed = query.strip()
    keys = [key_name(key) for key in action.keys]
    if typed in keys or (len(typed) > 1 and typed.casefold() in map(str.casefold, keys)):
        return _THE_KEY
    begins = len(typed) > 1 and any(key.casefold().startswith(typed.casefold()) for key in keys)
    return _ITS_BEGINNING if begins else 0.0


def _shown(action: Action) -> Content:
    name = action.label if action.label[:1].isupper() else action.label[:1].upper() + action.label[1:]
    keys = f"  {action.shown_keys}" if action.keys else ""
    return Content.assemble((name, "bold"), (keys, "bold $text-accent"), f"  {action.tooltip}")


def _headed(name: str, about: str) -> Content:
    return Content.assemble((f"Help: {name}", "bold"), f"  {about}")


def _named(name: str, query: str) -> Content:
    return Content.assemble(f"Search: @{safe_text(name, 40)}", (f"  {safe_text(query, 100)}", "$text-accent"))
