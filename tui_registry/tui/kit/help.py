"""Help: every key, from the registry of actions, and the query language, from the grammar's own text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_registry import query
from tui_registry.present.owners import LIKE_MARK, LIKE_MARK_MEANS
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import HEADINGS, Where, actions_for, bindings_for, key_of
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.text_flow import Layout, TextBody, field, heading, paragraph, stack

_KEYS_WIDTH = 22


class PageScreen(FlowScreen[None], ModalScreen[None]):
    """A text to read, over any screen. Esc, ? or F1 closes it."""

    CSS_PATH: ClassVar[str] = str(Path(__file__).with_name("help.tcss"))  # whole: Textual looks beside the subclass
    AUTO_FOCUS: ClassVar[str] = "TextBody"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("dialog"), ("question_mark,f1", "back")]

    def __init__(self, title: str, layout: Layout) -> None:
        super().__init__()
        self._title = title
        self._text = layout

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
            yield TextBody()

    def on_mount(self) -> None:
        self.query_one(TextBody).text.flow(self._text)

    def action_back(self) -> None:
        self.dismiss(None)


class HelpScreen(PageScreen):
    """All keys; those of the screen that it was asked from come first."""

    def __init__(self, here: Iterable[Where] = ()) -> None:
        """
        Args:
            here: the places of the screen that help was asked from.
        """
        first = list(here)
        super().__init__("Help", partial(help_text, [*first, *(place for place in HEADINGS if place not in first)]))


def page_of_package(title: str, page: str, heading: str) -> PageScreen:
    """A page of the package to read, from one of its headings on.

    Args:
        page: the file, in Markdown.
        heading: the line that it is shown from.
    """
    text = resources.files("tui_registry").joinpath(page).read_text("utf-8")
    return PageScreen(title, partial(page_text, text[text.index(heading) :].partition("\n")[2]))


def page_text(markdown: str, width: int) -> Content:
    """Paragraphs, lists and headings of one of our own pages, laid out for a width; other signs stay as they are."""
    lines: list[Content] = []
    for block in markdown.strip().split("\n\n"):
        if block.startswith("#"):
            lines += [Content.styled(block.lstrip("# "), "bold"), Content("")]
            continue
        if block.startswith("    "):
            lines += [Content(line) for line in block.split("\n")] + [Content("")]
            continue
        for item in re.split(r"\n(?=- |\d\. )", block):
            text = " ".join(line.strip() for line in item.split("\n")).replace("**", "").replace("`", "")
            indent = 2 if re.match(r"- |\d\. ", text) else 0
            lines += paragraph(text, width, indent=indent)
        lines.append(Content(""))
    return stack(lines)


def help_text(places: Iterable[Where], width: int) -> Content:
    """All keys by place, then how to search."""
    lines: list[Content] = []
    for place in places:
        shown = [action for action in actions_for(place) if action.keys]
        if shown:
            lines += heading(HEADINGS[place])
            for action in shown:
                lines += field(f"  {action.shown_keys}", action.tooltip, width, _KEYS_WIDTH)
    lines += heading("Marks in the list")
    lines += field(
        "  !",
        f"Conflict: several versions are live; {key_of('record.conflict')} shows them all",
        width,
        _KEYS_WIDTH,
    )
    lines += field(f"  {LIKE_MARK}", LIKE_MARK_MEANS, width, _KEYS_WIDTH)
    lines += field("  +", "Dated more than a day ahead of this machine's clock", width, _KEYS_WIDTH)
    lines += heading("What an operation in the history is now")
    lines += field("  current", "The record is what this operation wrote", width, _KEYS_WIDTH)
    lines += field(
        "  rival", "Another live version of the record: a conflict, which its owner settles", width, _KEYS_WIDTH
    )
    lines += field("  gone", "The record is deleted, and this did it", width, _KEYS_WIDTH)
    lines += heading("Searching")
    lines += [Content(f"  {line}") for line in safe_text(query.GRAMMAR, newlines=True).rstrip().split("\n")]
    return stack(lines[1:])
