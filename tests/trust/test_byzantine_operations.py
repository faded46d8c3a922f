"""Peers that serve operations which break a rule: each is refused under its own code and shown with who sent it and
why, what is sound beside it is kept, and the sound operation it was made of is as welcome as before."""

from __future__ import annotations

import pytest

from tests.crdt import model
from tests.crdt.making import ADA, fresh, removal_of, root, write_on
from tests.crdt.model import spell
from tests.replica.replicas import NOW, assert_agrees
from tests.sync.hostile import always, but, honest
from tests.trust.peers import answering, log_of, pull_from, pull_lines
from tests.trust.spoiling import (
    BASE,
    MALLORY,
    REMOVAL,
    SOUND,
    WRITE,
    Attack,
    attacks,
    counter_places,
    every_byte,
    sized,
)
from tui_registry.crdt import Op
from tui_registry.datastore import Datastore, Quarantined
from tui_registry.replica.log import arrivals

CODES = {"malformed", "limit", "key", "hash", "signature", "actor", "owner", "id", "child", "clock", "time"}
ATTACKS = attacks()
AFTER = [root(name=f"after-{number}").body for number in range(3)]


def is_shown(found: Quarantined, source: str, code: str, line: bytes) -> None:
    """The quarantine tells who sent what and why."""
    assert (found.source, found.code, found.received_at) == (source, code, NOW)
    assert (found.size, found.start) == (len(line), line[:1024])
    assert found.sentence
    assert found.sentence.isprintable()
    assert len(found.sentence) <= 500


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_an_operation_that_breaks_a_rule_is_refused_and_the_rest_is_kept(here: Datastore, attack: Attack) -> None:
    sent = [*SOUND[:1], *SOUND[2:], *attack.lines, *AFTER]
    result = await pull_lines(here, "mallory", sent)
    assert result.ok, result.sentence
    unsupported = attack.code == "unsupported"
    count = len(attack.lines)
    assert (result.applied, result.pending) == (len(sent) - count, 0)
    assert (result.rejected, result.unsupported) == ((0, count) if unsupported else (count, 0))
    shown = here.log.quarantine()
    assert len(shown) == result.rejected == here.stats().rejected == here.peers.get("mallory").rejected
    for found, line in zip(reversed(shown), attack.lines, strict=False):
        is_shown(found, "mallory", attack.code, line)
    for rejection in result.rejections:
        assert sent[rejection.place] in attack.lines
        assert rejection.code == attack.code
    assert_agrees(here, model.state(sent))
    # An honest peer has what the attack was made of, and all else that is sound.
    sound = list(dict.fromkeys([*SOUND, *AFTER, *([attack.original] if attack.original is not None else [])]))
    assert (await pull_lines(here, "honest", sound)).ok
    assert_agrees(here, model.state([*sent, *sound]))
    assert here.stats().ops == len(sound)


@pytest.mark.parametrize(
    ("op", "before"), [(BASE, []), (WRITE, [BASE]), (REMOVAL, [BASE, WRITE])], ids=["root", "write", "removal"]
)
async def test_any_byte_changed_is_another_operation_and_refused(here: Datastore, op: Op, before: list[Op]) -> None:
    sent = [line for place, line in every_byte(op.body) if place not in counter_places(op.body)]
    needed = [child.body for child in before]
    result = await pull_lines(here, "relay", [*needed, *sent, *AFTER])
    assert result.ok, result.sentence
    assert (result.applied, result.known, result.pending) == (len(needed) + len(AFTER), 0, 0)
    assert result.rejected + result.unsupported == len(sent) > 3 * len(op.body)
    shown = here.log.quarantine(limit=10_000)
    assert len(shown) == result.rejected
    assert {found.code for found in shown} <= CODES
    assert {found.source for found in shown} == {"relay"}
    # Each verdict is the oracle's, and the good operation is as good as before.
    verdicts = [verdict for line in sent if (verdict := model.judge(line)) != "unsupported"]
    assert [found.code for found in reversed(shown)] == verdicts
    assert (await pull_lines(here, "honest", [*needed, op.body])).applied == 1
    assert_agrees(here, model.state([*needed, op.body, *AFTER]))


@pytest.mark.parametrize(("op", "before"), [(BASE, []), (WRITE, [BASE])], ids=["root", "write"])
async def test_another_counter_in_the_dot_is_the_same_operation(here: Datastore, op: Op, before: list[Op]) -> None:
    sent = [op.body.replace(b'"counter":1}', b'"counter":%d}' % counter) for counter in (2, 7, 10**6, 2**63 - 1)]
    result = await pull_lines(here, "relay", [*(child.body for child in before), *sent])
    assert (result.applied, result.known, result.rejected) == (len(before) + 1, 3, 0)
    assert (await pull_lines(here, "honest", [op.body])).known == 1
    assert here.log.head().fingerprint == model.state([*(child.body for child in before), op.body]).fingerprint


async def test_a_child_that_never_comes_keeps_an_operation_waiting_and_nothing_else(here: Datastore) -> None:
    orphan = write_on(WRITE)
    result = await pull_lines(here, "mallory", [SOUND[0], orphan.body, *AFTER])
    assert (result.ok, result.applied, result.pending, result.rejected) == (True, 4, 1, 0)
    assert here.peers.get("mallory").pending == 1
    assert_agrees(here, model.state([SOUND[0], orphan.body, *AFTER]))
    # Whoever has the child: it comes, and what waited with it.
    assert (await pull_lines(here, "honest", [BASE.body, WRITE.body])).ok
    assert here.stats().pending == 0
    assert_agrees(here, model.state([BASE.body, WRITE.body, orphan.body, *AFTER]))


async def test_what_waits_for_a_refused_operation_waits_for_the_sound_one(here: Datastore) -> None:
    spoilt = next(attack for attack in ATTACKS if attack.name == "a high s").lines[0]
    after = write_on(WRITE)
    assert (await pull_lines(here, "mallory", [BASE.body, spoilt, after.body])).rejected == 1
    assert here.stats().pending == 1
    assert (await pull_lines(here, "honest", [WRITE.body])).ok
    assert here.heads(BASE.key) == (after.hash,)


async def test_an_operation_upon_one_that_breaks_a_rule_never_counts(here: Datastore) -> None:
    wrong = write_on(BASE, clock=9)
    upon = model.up_tree(ADA, "model", {**(wrong.record or {}), "updated_at": BASE.updated_at + 9}, [wrong.hash], 10)
    lines = [BASE.body, wrong.body, spell(upon), removal_of(wrong, clock=10).body]
    for name in ("once", "again"):
        assert (await pull_lines(here, name, lines)).ok
        assert_agrees(here, model.state(lines))
    assert here.stats().ops == 1


async def test_the_largest_operation_that_is_allowed_is_taken(here: Datastore) -> None:
    lines = [sized(65_536), sized(65_535)]
    assert [len(line) for line in lines] == [65_536, 65_535]
    result = await pull_lines(here, "them", lines)
    assert (result.applied, result.rejected) == (2, 0)


async def test_a_strangers_own_records_are_a_strangers_own(here: Datastore) -> None:
    lines = [spell(model.up_tree(MALLORY, "model", fresh(name="base", by=MALLORY)))]
    assert (await pull_lines(here, "honest", [BASE.body])).ok
    assert (await pull_lines(here, "mallory", lines)).applied == 1
    owners = {row.owner for row in here.search("base").rows}
    assert owners == {ADA.address, MALLORY.address}


# ---- bounds ------------------------------------------------------------------------------------------------------------------


async def test_what_a_peer_makes_us_remember_of_its_faults_is_bounded(
    here: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MAX_REJECTED", 20)
    flood = [b'{"Model":{"%d":%s}}' % (number, b"[" * 60_000) for number in range(300)]
    result = await pull_lines(here, "flood", [*AFTER, *flood])
    assert (result.applied, result.rejected, len(result.rejections)) == (3, 300, 20)
    shown = here.log.quarantine(limit=1000)
    assert len(shown) == here.stats().rejected == 20
    assert max(len(found.start) for found in shown) == 1024
    assert here.peers.get("flood").rejected == 300
    # The last ones are the ones that are kept, and a later peer's fault is seen.
    assert shown[0].start == flood[-1][:1024]
    assert (await pull_lines(here, "other", [b"{}"])).rejected == 1
    assert here.log.quarantine()[0].source == "other"
    assert here.stats().rejected == 20


async def test_a_flood_of_waiting_operations_drives_out_nobody_elses(
    here: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING", 30)
    flood = [write_on(WRITE, description=f"flood {number}").body for number in range(200)]
    waiting = write_on(BASE, description="honest")
    assert (await pull_lines(here, "honest", [waiting.body])).pending == 1
    assert (await pull_lines(here, "flood", [*AFTER, *flood])).applied == 3
    assert here.stats().pending <= 30
    assert here.peers.get("honest").pending == 1
    assert (await pull_lines(here, "late", [BASE.body])).applied >= 1
    assert here.heads(BASE.key) == (waiting.hash,)


async def test_many_peers_that_flood_share_one_bound_in_bytes(here: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING_BYTES", 40_000)
    waiting = write_on(BASE, description="honest")
    assert (await pull_lines(here, "honest", [waiting.body])).pending == 1
    for peer in range(6):
        flood = [write_on(WRITE, description=f"{peer} {number} {'x' * 3000}").body for number in range(20)]
        assert (await pull_lines(here, f"flood-{peer}", flood)).ok
    held = sum(peer.pending for peer in here.peers.all())
    assert held == here.stats().pending
    assert held * 3000 <= 40_000 + 3000
    assert here.peers.get("honest").pending == 1


async def test_a_chain_without_a_beginning_is_asked_for_a_few_times_only(here: Datastore) -> None:
    chain = [BASE]
    while len(chain) < 60:
        chain.append(write_on(chain[-1], description=str(len(chain))))
    lines = [op.body for op in chain]
    result = await pull_from(here, "endless", answering(lines[1:], log_of([*AFTER, lines[-1]])))
    assert (result.ok, result.applied) == (True, 3)
    assert here.stats().pending <= 17
    # All of it comes from a peer that has it from its beginning.
    assert (await pull_lines(here, "honest", lines)).ok
    assert_agrees(here, model.state([*lines, *AFTER]))


async def test_children_nobody_asked_for_are_judged_as_any_other_line(here: Datastore) -> None:
    forged = next(attack for attack in ATTACKS if attack.name == "another value").lines[0]
    unasked = WRITE.body + b"\n" + AFTER[0] + b"\n" + forged + b"\n"
    answer = but(honest(log_of([BASE.body, write_on(WRITE).body])), "/ops/get", always(200, unasked))
    result = await pull_from(here, "chatty", answer)
    assert (result.ok, result.applied, result.rejected) == (True, 4, 1)
    assert [found.code for found in here.log.quarantine()] == ["hash"]
    assert here.stats().pending == 0
