"""Who may push to a node, and how much of it anybody may fill: a flood fills its own ration, and others go on writing.

Three bounds stand one behind the other. An owner has a share of the log, for good: what a key has signed and this log
holds takes its room for ever, and a key that has a name here is held to none. An address has a ration a day: addresses
change hands, and one may carry what many wrote; whoever bears a token for pushing is held to none. And the node has a
room: what is left of it near its end is for those alone whom its operator knows, so that no crowd of strangers can
shut them out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from tui_registry.datastore import Datastore, Ration
from tui_registry.durable import bytes_in
from tui_registry.frozen import NamedTuple
from tui_registry.node.limits import NodeBounds, place_of
from tui_registry.node.responses import NodeError, later
from tui_registry.node.shared import Member
from tui_registry.node.tokens import AcceptOps, Tokens
from tui_registry.settings import PushersName
from tui_registry.text import age, plural, size_bytes

# No peer's name has a colon.
_PUSH = "push:"
OTHERS = f"{_PUSH}others"
_DAY = 86_400
_HOUR = 3_600
# Of a node's room, what strangers may not fill.
_RESERVED = 16


class Pusher(NamedTuple):
    """Whoever pushes.

    Attributes:
        source: as `Pushers` names it.
        is_known: the operator has let this one in by a token.
    """

    source: str
    is_known: bool


class Room(NamedTuple):
    """How full a node is, in bytes.

    Attributes:
        taken: by the replica's files. most: above which nobody pushes. strangers: above which none of these does.
    """

    taken: int
    most: int
    strangers: int


class PushPolicy:
    """What a node takes of others. Its methods but `pusher` look into the replica: they belong into a thread."""

    def __init__(
        self,
        datastore: Datastore,
        tokens: Tokens,
        accept_ops: AcceptOps,
        bounds: NodeBounds,
        member: Member | None = None,
    ) -> None:
        """
        Args:
            member: the worker whose policy it is, where the node has several.
        """
        self._member = member
        self._datastore = datastore
        self._tokens = tokens
        self._accept_ops = accept_ops
        self._bounds = bounds
        self._pushers = Pushers(bounds.pushers)
        self._day = _Day(datastore)

    @property
    def who(self) -> PushersName:
        """Who may push at all."""
        return self._accept_ops if isinstance(self._accept_ops, str) else "anybody" if self._accept_ops else "nobody"

    def pusher(self, host: str | None, authorization: str | None) -> Pusher:
        """Whoever pushes from there. Quick, and may be asked in the event loop.

        Args:
            authorization: the header of that name.

        Raises:
            NodeError: `push_off` (403), `unauthorized` (401), `insufficient_scope` (403).
        """
        if not self._accept_ops:
            raise NodeError(
                "push_off", "this node takes no operations from others: its operator may start it so that it does"
            )
        if self._accept_ops == "token" and self._tokens.allows(authorization, "push") is None:
            raise NodeError(
                "unauthorized",
                "a push to this node needs a bearer token that it knows: its operator makes one ('token add')",
            )
        return Pusher(self._pushers.name(host), self._accept_ops == "token" or self._bears_token(authorization))

    def expect_ration(self, pusher: Pusher) -> None:
        """See to it that an address may push today. A push that reaches the end of its ration is taken whole.

        Raises:
            NodeError: `ration` (429): it has had what it may; `too_many` (429): it may have, once what it pushes to
                other workers of the node is in; `full`.
        """
        self.expect_room(pusher)
        if not self._is_stranger(pusher):
            return
        spent, most = self._day.spent(pusher.source), Spent(self._bounds.push_day_ops, self._bounds.push_day_bytes)
        if spent.ops < most.ops and spent.bytes < most.bytes:
            ops, size = (0, 0) if self._member is None else self._member.taken_beside(pusher.source)
            if spent.ops + ops >= most.ops or spent.bytes + size >= most.bytes:
                raise later("too_many", "what you push besides may reach the ration of your address", 5)
            return
        had = plural(spent.ops, "operation") if spent.ops >= most.ops else f"{size_bytes(spent.bytes)} of operations"
        seconds = max(1, self._day.free_in(pusher.source))
        raise NodeError(
            "ration",
            f"this node has taken {had} from your address in a day, which is what one address may push: go on in "
            f"{age(seconds)}, or ask its operator for a token, which has no such ration",
            headers={"retry-after": str(seconds)},
        )

    @contextmanager
    def taking(self, pusher: Pusher, ops: int, size: int) -> Iterator[None]:
        """Hold a push to the ration of its address, and count it as taken for the other workers until the block ends.

        Args:
            ops, size: operations and bytes, at most.

        Raises:
            NodeError: as `expect_ration`.
        """
        # Told first and asked then: of two that begin at once, one at least knows of the other.
        with nullcontext() if self._member is None else self._member.taking(pusher.source, ops, size):
            self.expect_ration(pusher)
            yield

    def ration(self) -> Ration:
        """What each operation of a push has to fit, or it is left out."""
        bounds = self._bounds
        return Ration(
            named_only=self._accept_ops == "named",
            owner_ops=bounds.push_owner_ops,
            owner_bytes=bounds.push_owner_bytes,
        )

    def expect_room(self, pusher: Pusher) -> None:
        """
        Raises:
            NodeError: `full` (507).
        """
        room = self.room()
        if room.taken >= room.most:
            raise NodeError(
                "full",
                f"this node has no room for more operations from others: it takes {size_bytes(room.taken)} of the "
                f"{size_bytes(room.most)} that its operator gives it",
            )
        if self._is_stranger(pusher) and room.taken >= room.strangers:
            raise NodeError(
                "full",
                f"this node is nearly full ({size_bytes(room.taken)} of {size_bytes(room.most)}): what is left is for "
                "those who bear a token of its operator's",
            )

    def room(self) -> Room:
        """How full the node is."""
        most = self._bounds.push_store_bytes
        return Room(bytes_in(self._datastore.data_dir), most, most - most // _RESERVED)

    def _is_stranger(self, pusher: Pusher) -> bool:
        # Where only named keys count, it does not matter who brings what they signed.
        return self._accept_ops is True and not pusher.is_known

    def _bears_token(self, authorization: str | None) -> bool:
        try:
            return self._tokens.allows(authorization, "push") is not None
        except NodeError:
            return False  # one for something else: he may push as anybody may


class Spent(NamedTuple):
    """So many operations and bytes of them."""

    ops: int
    bytes: int


class _Day:
    """What each source brought in the last day, by the hour, as the log itself tells it: a node that is started anew
    forgets nothing of it."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._guard = threading.Lock()
        self._epoch = ""
        self._read_to = 0
        self._hours: dict[int, dict[str, Spent]] = {}

    def spent(self, source: str) -> Spent:
        """What it brought."""
        with self._guard:
            self._catch_up()
            found = [by_source[source] for by_source in self._hours.values() if source in by_source]
        return Spent(sum(one.ops for one in found), sum(one.bytes for one in found))

    def free_in(self, source: str) -> int:
        """Seconds until the first of it counts no longer."""
        with self._guard:
            first = min((hour for hour, by_source in self._hours.items() if source in by_source), default=None)
        return 0 if first is None else (first + 1) * _HOUR + _DAY - self._datastore.now()

    def _catch_up(self) -> None:
        since = (self._datastore.now() - _DAY) // _HOUR
        for hour in [hour for hour in self._hours if hour < since]:
            del self._hours[hour]
        head = self._datastore.log.head(make_key=False)
        if head.epoch != self._epoch:
            # Another log: what is left of it of this day.
            self._epoch, self._read_to, self._hours = head.epoch, 0, {}
        for came in self._datastore.log.pushed_since(self._read_to, since * _HOUR):
            self._read_to = max(self._read_to, came.stop)
            by_source = self._hours.setdefault(came.arrived_at // _HOUR, {})
            before = by_source.get(came.source, Spent(0, 0))
            by_source[came.source] = Spent(before.ops + came.ops, before.bytes + came.bytes)
        self._read_to = max(self._read_to, head.size)


class Pushers:
    """A name for each place that pushes: for the quarantine, and so that what waits on behalf of one place drives out
    nobody else's. At most `most` places are told apart since the node started."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def name(self, host: str | None) -> str:
        """`push:` and an address; for IPv6 its network of 64 bits, which one subscriber has to himself."""
        place = place_of(host)
        if place is None or (place not in self._known and len(self._known) >= self._most):
            return OTHERS
        self._known.add(place)
        return _PUSH + place
