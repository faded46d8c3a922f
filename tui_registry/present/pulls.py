"""What a pull tells while it runs and what it comes to: its types, its counts, and the words and JSON of both.

`COUNTS` is the table of what becomes of operations from elsewhere. To add a count: a line there, a member of `Tally`,
its place in `counts` and in `tally_of`; the command line, the app, the node's report and `--json` read it from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tui_registry.errors import Json, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.elsewhere import SIGNED_ELSEWHERE
from tui_registry.text import exact, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import ApplyReport, Head, Peer, Rejection


class Count(NamedTuple):
    """One of the things that become of operations from elsewhere, in words.

    Attributes:
        name: in `Tally` and in JSON.
        brief: behind the number in a list of counts, None where the list leaves it out.
        told: behind the number in the sentence that a pull ends with, None where the sentence leaves it out.
        kept_out: why such operations are not in the log, None for those that are; empty where each has its own reason.
    """

    name: str
    brief: str | None
    told: str | None
    kept_out: str | None

    def counted(self, number: int, words: str) -> str:
        """A number with its words. Of what is new the unit is said: lists count what is new in records."""
        return plural(number, words) if self.name == "applied" else f"{exact(number)} {words}"


# In the order in which people are told. All count operations but the last, which counts records.
COUNTS = (
    Count("applied", "new operation", "new operation", None),
    Count("known", "known", None, None),
    Count("rejected", "rejected", "rejected", ""),
    Count("pending", "pending", "waiting for earlier ones", "they wait for earlier ones"),
    Count("unsupported", None, "of a later version", "of a later version"),
    Count("left_out", "left out", "left out", "by this replica's own choice"),
    Count("conflicts", "in conflict", "in conflict", None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many operations from elsewhere were stored, were here already, wait for their children, break a rule, are
    of a later version, were left out here; and how many records those that were stored brought into conflict."""

    applied: int = 0
    known: int = 0
    pending: int = 0
    rejected: int = 0
    unsupported: int = 0
    left_out: int = 0
    conflicts: int = 0

    def counts(self) -> dict[str, int]:
        """Every count by its name, in the order of the JSON."""
        return {
            "applied": self.applied,
            "known": self.known,
            "pending": self.pending,
            "rejected": self.rejected,
            "unsupported": self.unsupported,
            "left_out": self.left_out,
            "conflicts": self.conflicts,
        }

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        added = other.counts()
        return Tally(**{name: number + added[name] for name, number in self.counts().items()})

    @property
    def in_no_sum(self) -> int:
        """How many operations count in no fingerprint of this replica: it believes no hash that they claim."""
        return self.rejected + self.unsupported

    @property
    def brief(self) -> str:
        """`12 new operations · 3 known`: what is new is always told, the rest where there is some."""
        numbers = self.counts()
        told = (
            count.counted(numbers[count.name], count.brief)
            for count in COUNTS
            if count.brief is not None and (count.name == "applied" or numbers[count.name])
        )
        return " · ".join(told)


class SyncError(RegistryError):
    """A pull or push that could not be finished.

    Attributes:
        peer: the peer's local name.
        code: one of `refused`, `unreachable`, `timeout`, `insecure`, `protocol`, `redirect`, `not_a_node`, `bad_head`,
            `bad_tile`, `bad_bundle`, `too_large`, `vanished`, `not_accepted`, `turn_over`, `out_of_time`, `stopped`,
            `no_directory`, `http_` and a status, or `unexpected`: a fault of this program that this peer brought to
            light.
        reason: the sentence without the peer's name, for a column beside it.
    """

    def __init__(self, peer: str, code: str, reason: str) -> None:
        super().__init__(code, f"{peer}: {reason}")
        self.peer = peer
        self.reason = reason


class TokenAskedError(SyncError):
    """A push that a node takes from those who bear a token for it; code `not_accepted`."""

    def __init__(self, peer: str) -> None:
        super().__init__(
            peer,
            "not_accepted",
            "takes operations from those who bear a token for that. Ask its operator for one "
            "(`token add NAME --scope push`), and name a file that holds it with --token-file",
        )


def out_of_time(peer: str, next_time: str = "The next sync goes on from here") -> SyncError:
    """A pull, a push or a delivery that did not end within the time that it was given, and what comes of it."""
    return SyncError(peer, "out_of_time", f"did not end within the time that it was given. {next_time}")


class Concern(NamedTuple):
    """Something about the key of a peer, or about what it signed, that its reader has to know. It stops no pull: each
    operation proves its own author, whoever passes it on. All of it is safe to show.

    Attributes:
        code: `another_key`, `unsigned`, `two_faces` or `other_root`.
        brief: a word or two, for a column.
        sentence: what is the case, without a full stop. remedy: what may be behind it, and what to do.
    """

    code: str
    brief: str
    sentence: str
    remedy: str


def concerns_of(peer: Peer, accept: str | None = None) -> tuple[Concern, ...]:
    """What is to be told of a peer's key and heads, the worst first; nothing where all is as it was, and nothing of a
    peer that has never signed a head, as those of version 0.1.

    Args:
        accept: what accepts a key, a key of the app; None for the command.
    """
    found = []
    accept = accept or f"'peer trust {safe_text(peer.name, 40)}'"
    if peer.faces:
        key = peer.signed_by or peer.pinned or ""
        said = (
            f"0x{safe_text(key, 40)} has signed two heads of one log that cannot both be true: others may be shown "
            "another log than you"
        )
        found.append(Concern("two_faces", "two faces", said, _TWO_FACES.format(accept)))
    if peer.pinned is not None and peer.signed_by is None and peer.their_size is not None:
        said = f"its head bears no signature, and it is known by that of 0x{safe_text(peer.pinned, 40)}"
        found.append(Concern("unsigned", "not signed", said, _NOT_SIGNED.format(accept)))
    elif peer.pinned is not None and peer.signed_by not in (None, peer.pinned):
        new, old = safe_text(peer.signed_by or "", 40), safe_text(peer.pinned, 40)
        said = f"its head is signed by another key than it is known by: by 0x{new}, and not by 0x{old}"
        found.append(Concern("another_key", "another key", said, _ANOTHER_KEY.format(accept)))
    if peer.root_fits is False:
        said = "the root that its head names is not that of the entries that it sent"
        found.append(Concern("other_root", "other root", said, _OTHER_ROOT))
    return tuple(found)


def concern_json(concern: Concern) -> dict[str, Json]:
    """A concern as `--json` tells it."""
    return {"code": concern.code, "sentence": concern.sentence, "remedy": concern.remedy}


def key_words(peer: Peer) -> str:
    """By which key a peer's heads are known, and whether its last one bears that; safe to show."""
    known, signed = safe_text(peer.pinned or "", 40), safe_text(peer.signed_by or "", 40)
    if not known:
        return "none yet: no head of it that was read bears a signature"
    if signed == known:
        return f"0x{known}, which signed its last head"
    if signed:
        return f"0x{known}; its last head is signed by 0x{signed}"
    return f"0x{known}" if peer.their_size is None else f"0x{known}; its last head bears no signature"


def root_words(peer: Peer) -> str:
    """Whether what a peer signed of its log fits what it sent."""
    if peer.root_fits is None:
        return "not checked: not all of its log was read one by one, or it signs none"
    return "fits all that was read" if peer.root_fits else "does not fit what was read"


_STAYS = "What came from it stays: each operation is signed by its owner"
_ANOTHER_KEY = f"Ask whoever runs it. {{}} accepts the new key. {_STAYS}"
_NOT_SIGNED = (
    "A node signs none while it has no key that can be read, or makes its index anew; version 0.1 never does. Ask "
    f"whoever runs it. {{}} accepts it so. {_STAYS}"
)
_TWO_FACES = (
    "It deceives somebody, or goes on from a backup under the old name of its log. 'peer faces' shows the proof, which "
    "anybody can check; {} says that you know"
)
_OTHER_ROOT = f"Tell whoever runs it: what it signed is not what it gives. {_STAYS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullResult(Tally):
    """What a pull came to. What was stored stays stored, also when `error` is set.

    Attributes:
        head: the peer's, None when it was never read.
        read: entries read; the counts are of them and of the children asked for.
        rejections: the first of them, `place` being the index in the peer's log (-1 for a child asked for).
        bytes: received as message bodies. seconds: it took.
        restarted: the peer's log was read from its start again.
        elsewhere: how many of those that are new this replica's own key signed, and not here.
        concerns: what there is to be told of the peer's key and heads, as it is after this pull.
        stale: its head was an older one of the log that was read already, as a cache or a backup keeps it.
        still_spoilt: entries of its log that an earlier pull refused for their bytes, and that are no better now.
        error: why it ended early; a `SyncError`, or what the Datastore raised.
    """

    peer: str
    head: Head | None
    read: int
    rejections: tuple[Rejection, ...]
    bytes: int
    seconds: float
    restarted: bool
    stale: bool = False
    still_spoilt: int = 0
    error: RegistryError | None
    elsewhere: int = 0
    concerns: tuple[Concern, ...] = ()

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def odd(self) -> tuple[str, ...]:
        """The codes of the concerns: where they are those of the pull before, there is no news in them, be it that a
        peer shows another key each time."""
        return tuple(concern.code for concern in self.concerns)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The concerns for people, a sentence or two each that name the peer; safe to show."""
        return tuple(f"{self.peer}: {concern.sentence}. {concern.remedy}" for concern in self.concerns)

    @property
    def first_rejection(self) -> str | None:
        """The code and the sentence of the first, safe to show."""
        if not self.rejections:
            return None
        return f"{self.rejections[0].code}: {safe_text(self.rejections[0].sentence, 160)}"

    @property
    def sentence(self) -> str:
        """What happened, for people; it names the peer."""
        if self.error is not None:
            if isinstance(self.error, SyncError):
                return self.error.sentence
            # Of this replica, such as a full disk: what came before it is there.
            stored = f". {exact(self.applied)} new operations were written before, and stay" if self.applied else ""
            return f"{self.peer}: {self.error.sentence}{stored}"
        if self.stale:
            return f"{self.peer}: nothing new: it shows an older copy of its log, as a cache or a backup keeps it"
        numbers = self.counts()
        told = {
            count.name: count.counted(numbers[count.name], count.told)
            for count in COUNTS
            if count.told is not None and numbers[count.name]
        }
        if self.elsewhere:
            told["elsewhere"] = f"{exact(self.elsewhere)} {SIGNED_ELSEWHERE}"
        # Last, as its reason follows.
        rejected = told.pop("rejected", None)
        if rejected is not None:
            told["rejected"] = f"{rejected} ({self.first_rejection})" if self.rejections else rejected
        spoilt = f", {exact(self.still_spoilt)} still spoilt in its log" if self.still_spoilt else ""
        return f"{self.peer}: {', '.join(told.values()) or 'nothing new'}{spoilt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult(Tally):
    """What the peer says became of the operations that were offered: none where it has everything already."""

    peer: str
    offered: int

    @property
    def sentence(self) -> str:
        """What happened, for people; it names the peer."""
        if not self.offered:
            return f"{self.peer}: has everything that is here"
        came = f"{exact(self.applied)} new to it, {exact(self.rejected)} rejected"
        left = f", {exact(self.left_out)} left out by its own choice" if self.left_out else ""
        left += f", {exact(self.unsupported)} that it cannot read before an upgrade" if self.unsupported else ""
        return f"{self.peer}: offered {plural(self.offered, 'operation')}, {came}{left}"


class PushPlan(NamedTuple):
    """What a push would offer a peer: so many operations.

    Attributes:
        told: the peer tells what it lacks; else all of this log is offered.
    """

    peer: str
    offers: int
    told: bool

    @property
    def sentence(self) -> str:
        """What would happen, for people; it names the peer."""
        if not self.offers:
            return f"{self.peer}: has everything that is here"
        if self.told:
            return f"{self.peer}: lacks {plural(self.offers, 'operation')} of this log"
        return f"{self.peer}: does not tell what it lacks, and is offered all of this log, {exact(self.offers)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Tally):
    """What became of records that a node is to have as they are here; the counts are what it says of their operations.

    Attributes:
        records: how many. offered: how many operations it was offered, none where it had the records.
        missing: ids of those that it was not seen to have, at the end.
        error: why it could not be asked or given all of it.
    """

    peer: str
    records: int
    offered: int = 0
    missing: tuple[str, ...] = ()
    error: RegistryError | None = None

    @property
    def ok(self) -> bool:
        """The node showed that it has every one."""
        return self.error is None and not self.missing

    @property
    def sentence(self) -> str:
        """What happened, for people; it names the peer."""
        if self.error is not None:
            return self.error.sentence
        if self.missing:
            named = ", ".join(identifier[:12] for identifier in self.missing[:_MOST_MISSING])
            more = len(self.missing) - _MOST_MISSING
            named += f" and {exact(more)} more" if more > 0 else ""
            why = {"rejected": self.rejected, "pending": self.pending}
            told = ", ".join(f"{exact(count)} {name}" for name, count in why.items() if count)
            said = f" (of {exact(self.offered)} operations: {told})" if told else ""
            return f"{self.peer}: does not have {named}{said}"
        new = f", {plural(self.applied, 'operation')} new to it" if self.offered else ""
        return f"{self.peer}: has {plural(self.records, 'record')} as here{new}"


_MOST_MISSING = 5


# What a pull tells while it runs


@dataclass(frozen=True, slots=True)
class Started:
    """The peer's head is known. `theirs` and `ours` are log sizes in ops, `start` the first index to be read.

    `restarted` says that the cursor was void: the peer was restored from a backup, or began a new log.
    """

    peer: str
    theirs: int
    ours: int
    start: int
    restarted: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch is stored.

    Attributes:
        done, of: entries of the peer's log that are behind the cursor, and its size.
        so_far: what the pull would come to if it ended now.
    """

    done: int
    of: int
    so_far: PullResult

    @property
    def peer(self) -> str:
        return self.so_far.peer

    @property
    def rate(self) -> float:
        """Ops per second, 0 before anything was read."""
        return self.so_far.read / self.so_far.seconds if self.so_far.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None while there is none."""
        return (self.of - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class Finished:
    """The pull read everything up to the peer's head."""

    peer: str
    result: PullResult


@dataclass(frozen=True, slots=True)
class Failed:
    """The pull ended early: `code` for programs, `sentence` for people. `result` has what came before."""

    peer: str
    code: str
    sentence: str
    result: PullResult


Event: TypeAlias = Started | Progress | Finished | Failed


# Where counts come from, and how they travel


def tally_of(report: ApplyReport) -> Tally:
    """What the Datastore reports of operations that it was given."""
    return Tally(
        applied=report.applied,
        known=report.known,
        pending=report.pending,
        rejected=len(report.rejected),
        unsupported=report.unsupported,
        left_out=report.left_out.total(),
        conflicts=report.conflicts,
    )


def kept_out(peer: Peer) -> Iterator[tuple[Count, int]]:
    """How many operations of a peer are not in this log, by what keeps them out."""
    numbers = Tally(
        rejected=peer.rejected, pending=peer.pending, unsupported=peer.unsupported, left_out=peer.left_out
    ).counts()
    return ((count, numbers[count.name]) for count in COUNTS if count.kept_out is not None)


def rejection_json(rejection: Rejection) -> dict[str, Json]:
    """A rejection as `--json` and a node's report tell it."""
    return {"index": rejection.place, "code": rejection.code, "sentence": rejection.sentence}


def report_json(report: ApplyReport, most_rejections: int, most_missing: int) -> dict[str, Json]:
    """What a node answers to a push: the counts, the first rejections, and hashes that pending operations wait for.
    See protocol.md, Sync."""
    counts = tally_of(report).counts()
    del counts["rejected"]  # which is the list of them here
    return {
        **counts,
        "rejected": [rejection_json(rejection) for rejection in report.rejected[:most_rejections]],
        "missing": [*report.missing[:most_missing]],
    }


def read_report(answer: Json) -> Tally:
    """The counts in a node's answer to a push; 0 for what it does not tell, or not as a number."""
    if not isinstance(answer, dict):
        return Tally()
    rejected = answer.get("rejected")
    numbers: dict[str, Json] = {**answer, "rejected": len(rejected) if isinstance(rejected, list) else 0}
    return Tally(**{name: _number(numbers.get(name)) for name in Tally().counts()})


def _number(value: Json) -> int:
    return value if type(value) is int and 0 <= value <= 2**53 else 0
