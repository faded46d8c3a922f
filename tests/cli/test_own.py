"""`star`, `note`, `watch`, `news`: what a person keeps to themselves, by script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.seeds import owner, signed
from tests.trust.strings import STRINGS, dangers
from tui_registry.datastore import MOST_NOTE, Datastore

STRANGER = owner("stranger").address
LAB = owner("lab")


def test_stars_are_put_listed_searched_and_taken_away(cli: Cli, seeded: Path) -> None:
    ids = [line["id"] for line in cli("list", "models", "--json", "--limit", "2").lines]
    assert cli("star", ids[0][:12], ids[1]).out == "2 records are starred\n"
    assert cli("star", ids[0]).out == "0 records are starred\n"
    assert {line["id"] for line in cli("star", "--json").lines} == set(ids)
    assert {line["id"] for line in cli("search", "--json", "is:starred").lines} == set(ids)
    assert "starred" in cli("search", "is:starred").out
    assert "by you, on this machine alone" in cli("show", ids[0]).out
    assert "starred" not in str(cli("show", "--json", ids[0]).json)
    assert ids[0][:12] in cli("star").out
    assert cli("star", "--undo", *ids, "--json").lines[0]["starred_at"] is None
    assert (cli("star").out, "nothing is starred" in cli("star").err) == ("", True)


def test_a_note_is_written_shown_listed_searched_and_taken_away(cli: Cli, seeded: Path) -> None:
    key = cli("list", "models", "--json", "--limit", "1").json["id"]
    assert cli("note", key, "try", "the", "big box").out == "try the big box\n"
    assert cli("note", key).out == "try the big box\n"
    assert cli("note", "--json", key, "-", given="two\nlines\n").json["note"] == "two\nlines"
    assert cli("search", "--json", "note:line").json["id"] == key
    assert "two lines" in cli("show", key).out
    assert "two lines" in cli("note").out
    assert cli("note", "--undo", key).out == "the note is gone\n"
    assert "no note stands there" in cli("note", key).err
    assert cli("note", "--json").lines == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("star", "--undo"), 2), (("star", "0123"), 1), (("star", "nothing"), 1), (("note", "--undo"), 2),
        (("note", "0123", "x"), 1), (("watch", "--undo"), 2), (("watch", "no such name"), 1), (("watch", "@none"), 1),
        (("watch", "--undo", "0x" + "1" * 40), 1), (("news", "x"), 2),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_a_sentence(cli: Cli, seeded: Path, words: tuple[str, ...], code: int) -> None:
    said = cli(*words)
    assert (said.code, said.out) == (code, "")
    if code == 1:
        assert is_one_sentence(said)


def test_a_note_that_is_too_long_or_empty_is_refused_and_the_one_before_stays(cli: Cli, seeded: Path) -> None:
    key = cli("list", "models", "--json", "--limit", "1").json["id"]
    cli("note", key, "before")
    said = cli("note", key, "-", given="x" * (MOST_NOTE + 1))
    assert (said.code, "up to 2,000 characters" in said.err) == (1, True)
    assert cli("note", key, "-", given=" \n").code == 2
    assert cli("note", key).out == "before\n"


def test_hostile_notes_reach_a_terminal_harmless(cli: Cli, seeded: Path) -> None:
    key = cli("list", "models", "--json", "--limit", "1").json["id"]
    for text in STRINGS.values() if isinstance(STRINGS, dict) else STRINGS:
        if not text.strip() or "\0" in text:
            continue
        with Datastore.open(seeded) as datastore:
            datastore.stars.note(key, text[:MOST_NOTE])
        for words in (("note",), ("note", key), ("show", key)):
            assert dangers(cli(*words).out) == [], text


def test_what_came_is_told_until_it_is_seen_and_by_what_is_watched(cli: Cli, seeded: Path) -> None:
    with Datastore.open(seeded) as datastore:
        datastore.news.seen()
    assert cli("news").out.startswith("nothing came since you looked")
    assert cli("identity", "name", LAB.address, "my-lab").code == 0
    assert cli("watch", "my-lab").out == "my-lab is watched\n"
    assert cli("search", "--save", "ones", "name:one").code == 0
    assert cli("watch", "@ones", "--json").json == {"what": "@ones", "query": "@ones", "new": 0, "exact": True}
    with Datastore.open(seeded) as datastore:
        datastore.apply([signed(LAB, "model", "one"), signed(owner("b"), "model", "two")], source="peer")
    news = cli("status", "--json").json["news"]
    assert (news["new"], news["changed"], news["conflicts"], news["exact"]) == (2, 0, 0, True)
    assert [(one["what"], one["new"]) for one in news["watched"]] == [(f"0x{LAB.address}", 1), ("@ones", 1)]
    assert "2 new records since you looked" in cli("status").out
    assert "1 new of my-lab" in cli("news").out
    assert {line["record"]["name"] for line in cli("search", "--json", "is:new").lines} == {"one", "two"}
    assert cli("search", "--json", "is:new is:watched").json["record"]["name"] == "one"
    assert cli("search", "--json", "pulled:1d name:two").json["record"]["name"] == "two"
    assert "1 new of @ones" in cli("watch").out
    assert cli("news", "--seen", "--json").json["new"] == 2
    assert cli("news", "--json").json["new"] == 0
    assert cli("watch", "--undo", "@ones").out == "@ones is not watched any more\n"


def test_a_node_is_not_asked_for_what_a_person_keeps(cli: Cli) -> None:
    # Nothing listens there: it is refused before anything is sent.
    for query in ("is:starred", "note:secret", "is:new", "pulled:1d"):
        said = cli("search", "--json", "--node", "http://127.0.0.1:1", query)
        assert (said.code, "a node tells nothing of that" in said.err) == (1, True), said.err
        assert is_one_sentence(said)
    assert "tells nothing" in cli("search", "--node", "http://127.0.0.1:1", "--facets", "has:note").err
