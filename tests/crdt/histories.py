"""Generated histories: what several machines with two keys may write, partitioned, and what a stranger may spoil.

Two machines share one key (equivocation: concurrent writes by one owner), the third has its own. Each knows only what
it wrote or was told. Every draw is a small integer, so that a failing history shrinks to a few readable steps.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.crdt import model
from tests.crdt.model import ORDER, Fact, Tree
from tui_registry.crdt.keys import Identity
from tui_registry.errors import OpKind, Record
from tui_registry.records.schema import defaults

START = 1_780_000_000
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")


def key_of(name: str) -> Identity:
    """The same throw-away key for the same name, always."""
    return Identity(hashlib.sha256(b"history " + name.encode()).digest())


OWNERS = (key_of("a"), key_of("a"), key_of("b"))
# The last is the manifest of the first.
SLOTS: tuple[OpKind, ...] = ("model", "agent", "manifest")


@dataclass
class Machine:
    """One machine: its key, and the ops that it knows."""

    identity: Identity
    known: set[bytes] = field(default_factory=set)
    # What rules and heads need of them, kept beside: deriving it anew at each step would be quadratic.
    facts: dict[str, Fact] = field(default_factory=dict)

    def learn(self, body: bytes, fact: Fact) -> None:
        self.known.add(body)
        self.facts[fact.hash] = fact

    def of(self, key: str) -> list[Fact]:
        return sorted((fact for fact in self.facts.values() if fact.key == key), key=lambda fact: fact.hash)

    def heads(self, key: str) -> list[Fact]:
        ops = self.of(key)
        named = {child for op in ops for child in op.children}
        return [op for op in ops if op.hash not in named]


@dataclass
class History:
    """The bytes of every operation made, in the order of making (children first), and how it came about."""

    bodies: list[bytes] = field(default_factory=list)
    spoilt: list[bytes] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[bytes]:
        return [*self.bodies, *self.spoilt]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would print every byte

    def __repr__(self) -> str:
        return f"History({len(self.bodies)} ops, {len(self.spoilt)} spoilt: {'; '.join(self.steps)})"


def value(identity: Identity, slot: int, name: str, updated_at: int, text: str) -> Record:
    """A record of that owner's slot: id and time of creation are the slot's, the rest is as given."""
    kind = SLOTS[slot]
    record = defaults(kind)
    if kind == "manifest":
        record.update(
            manifest_id=slot_key(identity, slot),
            owner_id=identity.address,
            subject_id=slot_key(identity, 0),
            subject_name=first_name(0),
            status="Deprecated" if len(text) % 2 else "Active",
            status_message=text,
            required_models=[slot_key(identity, place) for place in (0, 1)][: len(text) % 3],
            datasets=[name],
            created_at=START,
            updated_at=updated_at,
        )
        return record
    created_at = START + slot
    record.update(
        {
            model.ID[kind]: slot_key(identity, slot),
            "name": name,
            "owner_id": identity.address,
            "description": text,
            "created_at": created_at,
            "updated_at": updated_at,
            "tags": [text.split()[-1]],
        }
    )
    if kind == "agent" and len(text) % 2:
        record["preferred_models"] = [slot_key(identity, 0), "ab" * 32]
    return record


def slot_key(identity: Identity, slot: int) -> str:
    if SLOTS[slot] == "manifest":
        return model.manifest_id(slot_key(identity, 0))
    return model.derived_id(SLOTS[slot], identity.address, first_name(slot), START + slot)


def first_name(slot: int) -> str:
    return f"{WORDS[slot]} first"


class Play:
    """Steps made into operations."""

    def __init__(self) -> None:
        self.machines = [Machine(identity) for identity in OWNERS]
        self.history = History()
        self._made = 0

    def write(self, at: int, slot: int, word: int, later: int, seen: list[Fact] | None = None) -> Fact:
        """A write on top of what the machine sees, or of `seen`; a root when it sees nothing."""
        machine = self.machines[at]
        identity, key = machine.identity, slot_key(machine.identity, slot)
        heads = machine.heads(key) if seen is None else seen
        # A root carries the name that its id is derived from, any later write may rename.
        updated_at = max([START + slot, *(head.updated_at for head in heads)]) + later
        name = f"{WORDS[word % 6]} {at}" if heads else first_name(slot)
        self._made += 1
        text = f"number {self._made} {WORDS[(word + 1) % 6]}"
        record = value(identity, slot, name, updated_at, text)
        return self._chain(
            machine,
            heads,
            lambda children, clock: model.up_tree(
                identity, SLOTS[slot], record, children, clock, counter=len(machine.known) + 1
            ),
        )

    def remove(self, at: int, slot: int, later: int, seen: list[Fact] | None = None) -> Fact | None:
        """A removal of what the machine sees; nothing when it sees nothing."""
        machine = self.machines[at]
        identity, key = machine.identity, slot_key(machine.identity, slot)
        heads = machine.heads(key) if seen is None else seen
        if not heads:
            return None
        updated_at = max(head.updated_at for head in heads) + later
        return self._chain(
            machine,
            heads,
            lambda children, clock: model.rm_tree(identity, SLOTS[slot], key, children, clock, updated_at),
        )

    def tell(self, to: int, source: int) -> None:
        """One machine learns what another knows."""
        for body in self.machines[source].known - self.machines[to].known:
            fact = model.judge(body)
            assert isinstance(fact, Fact)
            self.machines[to].learn(body, self.machines[source].facts[fact.hash])

    def spoil(self, how: int, which: int) -> None:
        """Something that a stranger or a broken relay adds."""
        if not self.history.bodies:
            return
        body = self.history.bodies[which % len(self.history.bodies)]
        spoilt = SPOILERS[how % len(SPOILERS)](self, body)
        if spoilt is not None:
            self.history.spoilt.append(spoilt)

    def _chain(self, machine: Machine, heads: list[Fact], make: object) -> Fact:
        """One op, or with more than 16 heads the chain that names them all."""
        assert callable(make)
        rest = sorted(heads, key=lambda head: head.hash)
        named, rest = rest[:16], rest[16:]
        fact = self._sign(machine, make, named)
        while rest:
            named, rest = rest[:15], rest[15:]
            fact = self._sign(machine, make, [fact, *named])
        return fact

    def _sign(self, machine: Machine, make: object, named: list[Fact]) -> Fact:
        assert callable(make)
        clock = 1 + max([0, *(child.clock for child in named)])
        body = model.spell(make([child.hash for child in named], clock))
        fact = model.judge(body)
        assert isinstance(fact, Fact), fact
        fact = fact._replace(created_at=fact.created_at if named == [] else named[0].created_at)
        machine.learn(body, fact)
        self.history.bodies.append(body)
        return fact


# ---- what may be spoilt: a function of the play and a valid op's bytes ---------------------------------------------


def _tree(body: bytes) -> Tree:
    return model._read(body)


def _parts(body: bytes) -> tuple[OpKind, Fact, Tree, Identity]:
    fact = model.judge(body)
    assert isinstance(fact, Fact)
    identity = next(key for key in OWNERS if key.address == fact.owner)
    return fact.kind, fact, _tree(body), identity


def _other_counter(_: Play, body: bytes) -> bytes | None:
    """The same operation under another dot: known already, whichever comes first."""
    tree = _tree(body)
    ((_, inner),) = tree.items()
    if "Up" not in inner:
        return None
    inner["Up"]["dot"]["counter"] += 7
    return model.spell(tree)


def _wrong_hash(_: Play, body: bytes) -> bytes:
    _, fact, _, _ = _parts(body)
    return body.replace(fact.hash.encode(), hashlib.sha3_256(body).hexdigest().encode())


def _high_s(_: Play, body: bytes) -> bytes:
    tree = _tree(body)
    signature = _signature_of(tree)
    r, s = signature["sig"][:64], int(signature["sig"][64:], 16)
    signature["sig"], signature["rec"] = f"{r}{ORDER - s:064x}", signature["rec"] ^ 1
    return model.spell(tree)


def _signature_of(tree: Tree) -> Tree:
    ((_, inner),) = tree.items()
    ((form, op),) = inner.items()
    return op["op"]["signature"] if form == "Up" else op["signature"]


def _strangers_write(play: Play, body: bytes) -> bytes | None:
    """The other owner writes on top of a record that is not theirs, under their own name."""
    kind, fact, _, identity = _parts(body)
    if fact.record is None:
        return None
    thief = OWNERS[2] if identity.address == OWNERS[0].address else OWNERS[0]
    text = "status_message" if kind == "manifest" else "description"
    record = {**fact.record, "owner_id": thief.address, text: "mine now"}
    return model.spell(model.up_tree(thief, kind, record, [fact.hash], fact.clock + 1))


def _strangers_removal(play: Play, body: bytes) -> bytes:
    kind, fact, _, identity = _parts(body)
    thief = OWNERS[2] if identity.address == OWNERS[0].address else OWNERS[0]
    return model.spell(model.rm_tree(thief, kind, fact.key, [fact.hash], fact.clock + 1, fact.updated_at))


def _clock_ahead(_: Play, body: bytes) -> bytes:
    kind, fact, _, identity = _parts(body)
    return model.spell(model.rm_tree(identity, kind, fact.key, [fact.hash], fact.clock + 2, fact.updated_at))


def _time_back(_: Play, body: bytes) -> bytes:
    kind, fact, _, identity = _parts(body)
    return model.spell(model.rm_tree(identity, kind, fact.key, [fact.hash], fact.clock + 1, fact.updated_at - 1))


def _on_the_unknown(_: Play, body: bytes) -> bytes:
    """A write on top of an op that nobody will ever send: pending for good."""
    kind, fact, _, identity = _parts(body)
    unknown = hashlib.sha3_256(b"unknown" + body).hexdigest()
    return model.spell(model.rm_tree(identity, kind, fact.key, [fact.hash, unknown], fact.clock + 1, fact.updated_at))


def _on_the_rejected(play: Play, body: bytes) -> bytes:
    """A write on top of an op that breaks a rule: it waits like any other whose child is not here."""
    kind, fact, _, identity = _parts(body)
    bad = _clock_ahead(play, body)
    play.history.spoilt.append(bad)
    verdict = model.judge(bad)
    assert isinstance(verdict, Fact)
    return model.spell(model.rm_tree(identity, kind, fact.key, [verdict.hash], fact.clock + 3, fact.updated_at))


def _garbage(_: Play, body: bytes) -> bytes:
    return body[: len(body) // 2]


def _later_version(_: Play, body: bytes) -> bytes:
    return b'{"Dataset":' + body + b"}"


SPOILERS = (
    _other_counter, _wrong_hash, _high_s, _strangers_write, _strangers_removal, _clock_ahead, _time_back,
    _on_the_unknown, _on_the_rejected, _garbage, _later_version,
)  # fmt: skip


# ---- strategies ----------------------------------------------------------------------------------------------------

# Most steps meet on one record of one owner: that is where orders can differ.
_STEPS = st.tuples(
    st.integers(0, 15), st.sampled_from((0, 1, 0, 1, 2)), st.sampled_from((0, 0, 0, 1, 2, 2)), st.integers(0, 63)
)


@st.composite
def histories(draw: st.DrawFn, *, spoilt: bool = True, most: int = 14) -> History:
    """Histories of up to `most` steps on three machines."""
    play = Play()
    for what, at, slot, extra in draw(st.lists(_STEPS, min_size=min(4, most), max_size=most)):
        _step(play, what, at, slot, extra, spoilt)
    return play.history


def _step(play: Play, what: int, at: int, slot: int, extra: int, spoilt: bool) -> None:
    machine = play.machines[at]
    key = slot_key(machine.identity, slot)
    later = extra % 3
    if what <= 5:
        play.write(at, slot, extra, later)
        said = f"{at} writes {slot}"
    elif what <= 7:
        play.remove(at, slot, later)
        said = f"{at} removes {slot}"
    elif what <= 10:
        play.tell(at, extra % 3)
        said = f"{at} hears of {extra % 3}"
    elif what <= 12 and machine.of(key):
        # Any valid ops may be named, heads or not: a writer may have seen as little as that.
        ops = machine.of(key)
        seen = [op for place, op in enumerate(ops[:6]) if extra >> place & 1] or ops[:1]
        if extra % 5 == 0:
            play.remove(at, slot, later, seen)
        else:
            play.write(at, slot, extra, later, seen)
        said = f"{at} writes {slot} on top of {len(seen)} of {len(ops)}"
    elif what == 13 and extra % 4 == 0:
        seen = machine.heads(key)[:1] or [play.write(at, slot, extra, later)]
        for number in range(17 + extra % 3):
            play.write(at, slot, number, later, seen)
        said = f"{at} forks {slot} into {17 + extra % 3} heads"
    elif spoilt:
        play.spoil(extra, extra // 3)
        said = f"spoilt {SPOILERS[extra % len(SPOILERS)].__name__}"
    else:
        said = "nothing"
    play.history.steps.append(said)


@st.composite
def deliveries(draw: st.DrawFn, bodies: list[bytes]) -> list[list[bytes]]:
    """The bodies in any order, some of them more than once, cut into batches."""
    if not bodies:
        return []
    order = draw(st.permutations(bodies))
    again = draw(st.lists(st.integers(0, len(bodies) - 1), max_size=4))
    line = list(order)
    for place in again:
        line.insert(place, bodies[-place])
    cuts = sorted({0, len(line), *draw(st.lists(st.integers(0, len(line)), max_size=5))})
    return [line[start:stop] for start, stop in itertools.pairwise(cuts)]
