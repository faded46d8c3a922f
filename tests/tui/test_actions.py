"""The one registry of actions: what it promises to bindings, footers, help and the README."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from textual.binding import Binding

from tui_registry.tui.app import LATER_MODES, RegistryApp
from tui_registry.tui.browse.browse_screen import Beginning, BrowseScreen, EmptyState
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.browse.facet_panel import FacetPanel
from tui_registry.tui.browse.kept_marks import KeptMarks
from tui_registry.tui.browse.list_layout import ColumnsScreen, ListLayout
from tui_registry.tui.browse.machines import MachineChoice
from tui_registry.tui.browse.marked_records import Marking, Several
from tui_registry.tui.browse.record_actions import RecordActions
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.browse.record_use import RecordUse
from tui_registry.tui.browse.saved_searches import SavedSearches, SearchesScreen
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.browse.version_screen import VersionScreen
from tui_registry.tui.compare.compare_screen import CompareScreen
from tui_registry.tui.conflicts.conflict_screen import ConflictScreen, TextScreen
from tui_registry.tui.history.history_screen import HistoryScreen
from tui_registry.tui.imports.import_flow import SourceScreen
from tui_registry.tui.kit.actions import ACTIONS, HEADINGS, Action, action, actions_for, bindings_for, key_name
from tui_registry.tui.kit.dialogs import Dialog, NarrowingInput
from tui_registry.tui.kit.frame import MODES, MOST_FOOTER_KEYS
from tui_registry.tui.kit.help import PageScreen, help_text, key_table
from tui_registry.tui.kit.text_flow import TextBody
from tui_registry.tui.looking_around import LookingAround
from tui_registry.tui.own.own_settings import together
from tui_registry.tui.register.register_screen import RegisterScreen
from tui_registry.tui.settings.settings_screen import SettingsScreen
from tui_registry.tui.sync.owners_left_out import LeftOutScreen
from tui_registry.tui.sync.quarantine import QuarantineScreen
from tui_registry.tui.sync.sync_screen import SyncScreen

# A screen holds parts that answer some of its keys.
HOMES: dict[str, tuple[type, ...]] = {
    "everywhere": (RegistryApp, LookingAround),
    "browse": (BrowseScreen, RecordActions, SavedSearches, ListLayout, Marking, Beginning),
    "empty": (EmptyState,),
    "take": (SourceScreen,),
    "typing": (SearchBar,),
    "facets": (FacetPanel,),
    "searches": (SearchesScreen,),
    "columns": (ColumnsScreen,),
    "list": (RecordList,),
    "marks": (RecordList,),
    "record": (RecordActions, MachineChoice, RecordUse, Several, KeptMarks),
    "text": (TextBody,),
    "detail": (DetailScreen,),
    "conflict": (ConflictScreen,),
    "writing": (TextScreen,),
    "page": (PageScreen,),
    "dialog": (Dialog,),
    "register": (RegisterScreen,),
    "sync": (SyncScreen,),
    "quarantine": (QuarantineScreen,),
    "left_out": (LeftOutScreen,),
    "history": (HistoryScreen,),
    "narrowing": (NarrowingInput,),
    "version": (VersionScreen,),
    "settings": (SettingsScreen,),
    "compare": (CompareScreen,),
}
FOOTERS = {
    "browse": BrowseScreen.FOOTER,
    "typing": BrowseScreen.TYPING,
    "filtering": BrowseScreen.FILTERING,
    "reading": BrowseScreen.READING,
    "first run": BrowseScreen.FIRST_RUN,
    "detail": DetailScreen.FOOTER,
    "conflict": ConflictScreen.FOOTER,
    "somebody else's conflict": ConflictScreen.READING,
    "register": RegisterScreen.FOOTER,
    "sync": SyncScreen.FOOTER,
    "quarantine": QuarantineScreen.FOOTER,
    "left out": LeftOutScreen.FOOTER,
    "history": HistoryScreen.FOOTER,
    "narrowing": HistoryScreen.TYPING,
    "no history": HistoryScreen.NOTHING,
    "version": VersionScreen.FOOTER,
    "settings": SettingsScreen.FOOTER,
    "compare": CompareScreen.FOOTER,
}


def test_every_action_has_its_own_id_a_label_and_a_tooltip() -> None:
    assert len({item.id for item in ACTIONS}) == len(ACTIONS)
    for item in ACTIONS:
        assert item.label, item.id
        assert item.tooltip, item.id
        assert not item.tooltip.endswith("."), item.id


def test_no_two_actions_of_one_place_share_a_key() -> None:
    for place in HEADINGS:
        keys = [key for item in actions_for(place) for key in item.keys]
        assert len(keys) == len(set(keys)), place


def test_letters_and_digits_are_never_priority_bindings() -> None:
    for binding in bindings_for(*HEADINGS):
        assert isinstance(binding, Binding)
        if binding.priority:
            assert all(re.fullmatch(r"ctrl\+\w|f\d+", key) for key in binding.key.split(",")), binding


def test_no_action_needs_a_key_that_terminals_swallow() -> None:
    for item in ACTIONS:
        if item.keys:
            assert not all(re.search(r"alt\+|shift\+|ctrl\+enter", key) for key in item.keys), item


@pytest.mark.parametrize("item", [item for item in ACTIONS if item.where in HOMES], ids=lambda item: item.id)
def test_every_action_can_be_run_where_it_says(item: Action) -> None:
    method = "action_" + item.name.split("(")[0]
    assert any(callable(getattr(home, method, None)) for home in HOMES[item.where]), method


def test_every_binding_has_an_id_and_a_tooltip() -> None:
    for binding in bindings_for(*HEADINGS):
        assert isinstance(binding, Binding)
        assert binding.id is not None
        assert binding.tooltip


@pytest.mark.parametrize("name", FOOTERS)
def test_a_footer_has_at_most_seven_keys_and_they_exist(name: str) -> None:
    footer = FOOTERS[name]
    assert 0 < len(footer) <= MOST_FOOTER_KEYS
    assert all(action(item).keys for item in footer)


def test_help_names_every_action_that_has_a_key() -> None:
    text = help_text(HEADINGS, 200).plain
    for item in ACTIONS:
        if item.keys:
            assert item.tooltip in text, item.id
            assert item.shown_keys in text


def test_one_table_in_the_help_tells_what_each_key_does_in_all_modes() -> None:
    table = dict(key_table())
    for item in ACTIONS:
        for key in item.keys:
            assert f"{item.label} ({HEADINGS[item.where]})" in table[key_name(key)]
    assert "Each key in all modes" in help_text(HEADINGS, 200).plain


def test_the_keys_that_the_readme_names_are_keys() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    section = readme.partition("\n## Keys\n")[2].partition("\n## ")[0]
    named = {key for words in re.findall(r"`([^`]+)`", section) for key in words.split()}
    known = {name for item in ACTIONS for name in item.shown_keys.split(" or ")}
    assert named
    assert named <= known


def test_help_explains_the_query_language_from_its_own_grammar() -> None:
    from tui_registry.query import GRAMMAR

    text = help_text(HEADINGS, 200).plain
    assert all(line.strip() in text for line in GRAMMAR.strip().split("\n"))


def test_the_modes_are_on_the_number_keys() -> None:
    assert [action(mode).keys for mode in MODES] == [(str(number),) for number in range(1, len(MODES) + 1)]
    assert set(LATER_MODES) | {"browse"} == {mode.removeprefix("app.") for mode in MODES}


# Pairs of actions that share a key on one screen. Of each the part that has the focus comes first, and both are the
# same wish: to open what is under the cursor, to go on to the right, to take back what was typed. While there is nothing
# to mark, `a` adds a peer.
SHARED = {
    "app.conflicts record.conflict",
    "app.suspend entries.undo",
    "app.suspend items.undo",
    "browse.mark_all empty.add",
    "compare.open list.open",
    "conflict.change list.open",
    "conflict.take text.page_down",
    "facets.next_field record.next_tab",
    "facets.previous_field record.previous_tab",
    "facets.toggle list.open",
    "facets.toggle record.open_version",
    "findings.mark text.page_down",
    "left_out.read list.open",
    "list.open quarantine.read",
    "list.open record.open_version",
    "list.open settings.change",
    "list.open sync.pull",
    "record.open_version search.to_list",
}


def test_no_key_means_two_things_on_one_screen() -> None:
    found = {
        " ".join(sorted((one.id, other.id)))
        for one, other in combinations(ACTIONS, 2)
        if set(one.keys) & set(other.keys) and together(one.where, other.where)
    }
    assert found == SHARED


# What yes is answered with, and what lies around that on keyboards of English, German and French.
_NEXT_TO_YES = frozenset("ytughj" + "ysxa" + "<")


def test_what_takes_something_away_lies_apart_from_the_key_that_says_yes() -> None:
    for name in ("record.delete", "conflict.delete", "sync.remove", "settings.forget", "drafts.discard"):
        assert not set(action(name).keys) & _NEXT_TO_YES, name
