"""What the table of peers and the detail say, by width: pure functions."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from rich.cells import cell_len
from rich.style import Style

from tests.seeds import NOW
from tests.trust.strings import STRINGS
from tui_registry.datastore import Peer
from tui_registry.present.amounts import bar
from tui_registry.present.pulls import concerns_of
from tui_registry.sync import Progress, PullResult, Started, SyncError
from tui_registry.tui.kit.lists import GUTTER, RowStyles
from tui_registry.tui.sync.peer_table import (
    PeerView,
    address_text,
    no_peers,
    peer_columns,
    peer_detail,
    peer_strip,
    rate_text,
    state_text,
    summary,
)
from tui_registry.tui.sync.running_pulls import Pulling, outcome

# What holds an emoji together stays.
JOINERS = "\u200d\ufe0f"
PLAIN = RowStyles(Style(), Style(), Style())
WIDTHS = [20, 60, 80, 99, 100, 124, 125, 160, 300]
REFUSED = "connection refused. Is `serve` running there?"


def peer(**fields: object) -> Peer:
    """A peer that was never pulled from, but for the fields given."""
    values: dict[str, object] = {
        "name": "hub", "address": "https://hub.example:8420", "epoch": None, "next_index": 0, "their_size": None,
        "their_fingerprint": None, "node": None, "identical": False, "rejected": 0, "pending": 0, "unsupported": 0,
        "last_sync": None, "last_error": None, "last_try": None, "etag": None,
    }  # fmt: skip
    return Peer(**{**values, **fields})  # type: ignore[arg-type]


def progress(done: int, of: int, *, read: int, seconds: float) -> Progress:
    return Progress(done, of, result(read=read, bytes=1_500_000, applied=read, seconds=seconds))


def result(error: SyncError | None = None, **fields: object) -> PullResult:
    values: dict[str, object] = {
        "peer": "hub", "head": None, "read": 0, "applied": 0, "known": 0, "pending": 0, "rejected": 0,
        "unsupported": 0, "rejections": (), "bytes": 0, "seconds": 0.1, "restarted": False, "error": error,
    }  # fmt: skip
    return PullResult(**{**values, **fields})  # type: ignore[arg-type]


def line(view: PeerView, width: int) -> str:
    columns = peer_columns(width - GUTTER)
    return "".join(segment.text for segment in peer_strip(view, columns, NOW, width, PLAIN, False))


def half_done() -> Pulling:
    pulling = Pulling(waiting=True).after(None).after(Started("hub", theirs=8412, ours=50, start=8000, restarted=False))
    return pulling.after(progress(8206, 8412, read=206, seconds=2.0))


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
def test_a_line_is_as_wide_as_the_screen_and_shows_no_control_character(text: str) -> None:
    views = [
        PeerView(peer(name=text, address=text * 30, last_error=text, their_size=10**18, next_index=10**17, node=text)),
        PeerView(peer(name=text, address=f"http://{text}", epoch=text), half_done()),
    ]
    for view, width in itertools.product(views, WIDTHS):
        shown = line(view, width)
        assert cell_len(shown) == width
        for letter in (shown + peer_detail(view, NOW, max(40, width)).plain).replace("\n", ""):
            assert letter in JOINERS or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def test_narrow_screens_have_what_matters_and_wide_ones_the_rate_too() -> None:
    assert [column.title for column in peer_columns(77)] == ["PEER", "ADDRESS", "THEIRS", "OURS", "STATE", "SYNCED"]
    assert [column.title for column in peer_columns(157)] == [
        "PEER", "ADDRESS", "THEIRS", "OURS", "STATE", "LAST SYNC", "RATE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "never pulled"),
        ({"last_sync": NOW, "their_size": 5, "next_index": 5, "identical": True}, "identical"),
        ({"last_sync": NOW, "their_size": 5, "next_index": 5}, "up to date"),
        ({"last_sync": NOW, "their_size": 1205, "next_index": 5}, "behind by 1,200"),
        ({"last_error": REFUSED}, f"down: {REFUSED}  r to retry"),
    ],
)
def test_the_state_is_said_in_words(fields: dict[str, object], said: str) -> None:
    assert state_text(PeerView(peer(**fields)), 100) == said


def test_a_sentence_that_does_not_fit_is_cut_where_a_sentence_ends_if_it_can_be() -> None:
    view = PeerView(peer(last_error=REFUSED))
    assert state_text(view, 51) == f"down: {REFUSED}"
    assert state_text(view, 30) == "down: connection refused"
    assert state_text(view, 12) == "down: conne…"


def test_a_peer_that_answers_nonsense_has_failed_and_is_not_down() -> None:
    odd = SyncError("hub", "not_a_node", "answers with a web page")
    assert state_text(PeerView(peer(last_error=odd.reason), None, result(odd)), 60).startswith("failed: answers")


def test_a_running_pull_shows_the_share_of_its_own_work_its_rate_and_the_time_left() -> None:
    view = PeerView(peer(next_index=8000), half_done())
    assert state_text(view, 34) == "pulling [==========>        ]  50%"
    assert state_text(view, 20) == "pulling [==>  ]  50%"
    assert state_text(view, 12) == "pulling  50%"
    assert rate_text(view.pulling) == "103 op/s  0:02 left"
    assert (view.theirs, view.ours) == (8412, 8206)
    assert "now" in line(view, 160)


def test_every_step_of_a_pull_has_a_word() -> None:
    waiting = Pulling(waiting=True)
    steps = [waiting, waiting.after(None), half_done().told_to_stop()]
    assert [state_text(PeerView(peer(), step), 20) for step in steps] == [
        "waits for its turn", "connecting", "stopping",
    ]  # fmt: skip
    assert "stopping when the batch at hand is stored" in peer_detail(PeerView(peer(), steps[-1]), NOW, 78).plain


@pytest.mark.parametrize("width", [5, 7, 12, 40])
def test_a_bar_fills_from_empty_to_full_and_keeps_its_width(width: int) -> None:
    bars = [bar(share / 100, width) for share in range(101)]
    assert {len(text) for text in bars} == {width}
    assert [text.count("=") for text in bars] == sorted(text.count("=") for text in bars)
    assert "=" not in bars[0]
    assert " " not in bars[-1]


def test_addresses_are_cut_where_they_say_least() -> None:
    assert address_text("http://10.0.0.7:8420", 17) == "10.0.0.7:8420"
    assert address_text("https://registry.example.org:8420/public", 17) == "registry.example…"
    assert address_text("/media/someone/stick/registry", 17) == "…e/stick/registry"
    assert address_text("/media/stick", 17) == "/media/stick"


def test_the_detail_has_the_cursor_what_was_kept_out_and_the_whole_sentence() -> None:
    view = PeerView(
        peer(
            last_error=REFUSED, rejected=3, pending=2, unsupported=1, next_index=8120, their_size=8412, epoch="5f" * 16
        )
    )
    text = peer_detail(view, NOW, 78).plain
    for words in (
        "Is `serve` running there? r tries again", "at 8,120 of 8,412", "epoch 5f5f5f5f", "3 rejected", "2 pending",
        "1 unsupported", "https://hub.example:8420",
    ):  # fmt: skip
        assert words in text


def test_the_empty_state_fits_into_a_narrow_screen() -> None:
    text = no_peers(72).plain
    assert all(cell_len(row) <= 72 for row in text.split("\n"))
    assert "…" not in text


def test_all_peers_in_a_few_words() -> None:
    views = [PeerView(peer()), PeerView(peer(last_error=REFUSED)), PeerView(peer(), Pulling())]
    assert summary(views) == ("3 peers · 1 failing · 1 pull running", "problem")
    assert summary([PeerView(peer())]) == ("1 peer", "note")
    assert summary([]) == ("", "note")


def test_what_pulls_came_to_is_one_sentence() -> None:
    refused = SyncError("old", "refused", REFUSED)
    stopped = SyncError("hub", "stopped", "stopped on request")
    assert outcome([(result(applied=5), peer())]) == ("hub: 5 new operations", "done")
    assert outcome([(result(refused, peer="old"), None)]) == (f"old: {REFUSED}", "problem")
    assert outcome([(result(stopped), peer(next_index=5, their_size=9))])[0].startswith("hub: stopped at 5 of 9")
    many = [(result(applied=5), peer()), (result(refused, peer="old"), peer()), (result(stopped), peer())]
    assert outcome(many) == ("3 pulls: 5 new operations, 1 stopped, 1 failed (old)", "problem")


# Its key

KEY, OTHER = "aa" * 20, "bb" * 20
KNOWN: dict[str, object] = {"their_size": 5, "next_index": 5, "last_sync": NOW, "last_try": NOW, "identical": True,
                            "node": KEY, "pinned": KEY, "signed_by": KEY, "root_fits": True}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "wide", "narrow", "told"),
    [
        (
            {"signed_by": OTHER},
            "another key, identical",
            "another key",
            "by another key than it is known by: by 0xbbbb",
        ),
        ({"signed_by": None}, "not signed, identical", "not signed", "bears no signature"),
        ({"faces": 1}, "two faces, identical", "two faces", "two heads of one log that cannot both be true"),
        ({"root_fits": False}, "other root, identical", "other root", "not that of the entries that it sent"),
    ],
)
def test_what_is_odd_about_a_key_is_marked_and_told_in_full(
    fields: dict[str, object], wide: str, narrow: str, told: str
) -> None:
    view = PeerView(peer(**{**KNOWN, **fields}))
    assert state_text(view, 34) == wide
    assert state_text(view, 20) == (wide if len(wide) <= 20 else narrow)
    assert line(view, 80).startswith(" ! hub")
    words = " ".join(peer_detail(view, NOW, 78).plain.split())
    assert told in words
    assert "key to look at: t" in summary([view])[0]
    assert summary([view])[1] == "problem"
    # While a pull runs it may change.
    assert not PeerView(view.peer, half_done()).concerns


def test_a_key_that_is_as_it_was_is_named_and_nothing_is_told() -> None:
    view = PeerView(peer(**KNOWN))
    assert line(view, 80).startswith("   hub")
    words = " ".join(peer_detail(view, NOW, 78).plain.split())
    assert f"key 0x{KEY}, which signed its last head · its root fits all that was read" in words
    # Version 0.1 signs nothing.
    before = PeerView(peer(**{**KNOWN, "pinned": None, "signed_by": None, "root_fits": None}))
    assert not before.concerns
    assert "says its key is" in peer_detail(before, NOW, 78).plain


def test_what_is_odd_about_a_key_is_told_when_a_pull_has_ended() -> None:
    odd = result(concerns=concerns_of(peer(**{**KNOWN, "signed_by": OTHER})))
    assert outcome([(odd, None)]) == ("another key: t tells more; hub: nothing new", "problem")
    assert outcome([(odd, None), (result(), None)]) == (
        "2 pulls: nothing new, 1 with a key to look at (hub)", "problem",
    )  # fmt: skip


def test_what_is_left_out_of_an_up_to_date_peer_is_told_in_words() -> None:
    read = {"their_size": 34, "next_index": 34, "last_sync": NOW}
    words = peer_detail(PeerView(peer(**read, identical=True, left_out=4)), NOW, 200).plain
    assert "identical but for 4 operations left out here" in words
    assert "4 left out (" in words
    # Of what was purged nobody may know how much of it a peer has: so this replica need not have more.
    unlike = peer_detail(PeerView(peer(**read)), NOW, 200).plain
    assert "all of its log was read; the two logs need not be the same" in unlike
    assert "0 left out" in unlike
