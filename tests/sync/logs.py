"""Operations and logs for the tests of sync: real signatures, small records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tui_registry.crdt import Identity, sign_rm, sign_up
from tui_registry.crdt.op import Op
from tui_registry.crdt.signed_heads import sign_head
from tui_registry.datastore import Datastore, Head
from tui_registry.errors import Json, Kind
from tui_registry.records import defaults, derive_id, derive_manifest_id
from tui_registry.records.schema import ID_FIELD
from tui_registry.sync.tiles import Span, pack

ALICE = Identity(b"\x01" * 32)
BOB = Identity(b"\x02" * 32)
MALLORY = Identity(b"\x03" * 32)
EPOCH = "e" * 32
T0 = 1_750_000_000


@lru_cache(maxsize=8_192)
def root(owner: Identity, name: str, *, kind: Kind = "model", at: int = T0, description: str = "") -> Op:
    """The first op of a record. Made once: most tests ask for the same ones, and signing takes longer than all else."""
    record = defaults(kind)
    record |= {"name": name, "owner_id": owner.address, "description": description, "license": "Apache-2.0"}
    record |= {"created_at": at, "updated_at": at, ID_FIELD[kind]: derive_id(kind, owner.address, name, at)}
    return sign_up(owner, kind, record)


def edit(owner: Identity, before: Op, *, clock: int = 2, at: int = T0 + 60, **changes: str) -> Op:
    """A write on top of another op."""
    assert before.record is not None
    record = {**before.record, **changes, "updated_at": at}
    return sign_up(owner, before.kind, record, children=[before.hash], clock=clock, counter=clock)


def removal(owner: Identity, before: Op, *, clock: int = 2, at: int = T0 + 60) -> Op:
    """A removal of what another op wrote."""
    return sign_rm(owner, before.kind, before.key, children=[before.hash], clock=clock, updated_at=at)


def manifest(owner: Identity, of: Op, **fields: Json) -> Op:
    """What stands behind a record, given its first op."""
    assert of.record is not None
    value = defaults("manifest")
    value |= {"manifest_id": derive_manifest_id(of.key), "owner_id": owner.address, "subject_id": of.key}
    value |= {"subject_kind": of.kind.capitalize(), "subject_name": of.record["name"]}
    value |= {"created_at": of.created_at, "updated_at": of.updated_at, **fields}
    return sign_up(owner, "manifest", value)


def roots(owner: Identity, count: int, prefix: str = "record") -> list[Op]:
    """So many records' first ops."""
    return [root(owner, f"{prefix}-{index:05}") for index in range(count)]


def bodies(ops: Sequence[Op]) -> list[bytes]:
    return [op.to_json() for op in ops]


def fingerprint(ops: Sequence[Op]) -> str:
    """The sum of the hashes modulo 2^256, 64 hex digits."""
    return f"{sum(int(op.hash, 16) for op in ops) % 2**256:064x}"


@dataclass
class FakeLog:
    """What a peer says it has, which need not be so. `lines` may hold anything."""

    lines: list[bytes]
    fingerprint: str
    epoch: str = EPOCH
    node: str = MALLORY.address
    size: int | None = None
    extra: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, ops: Sequence[Op]) -> FakeLog:
        return cls(bodies(ops), fingerprint(ops))

    def head(self) -> dict[str, object]:
        size = len(self.lines) if self.size is None else self.size
        said = {"epoch": self.epoch, "size": size, "fingerprint": self.fingerprint, "node": self.node}
        return {**said, **self.extra}

    def tile(self, name: str) -> bytes | None:
        """A tile's bytes as an honest node would send them."""
        span = Span.from_name(name)
        if span is None or span.end > len(self.lines):
            return None
        return _packed(tuple(self.lines[span.start : span.end]))


# Packing a tile of large lines costs more than a pull of it, and tests ask for the same ones.
_packed = lru_cache(maxsize=16)(pack)

AT = 1_750_000_000


def signed_head(log: FakeLog, size: int, root: bytes, key: Identity = MALLORY, *, at: int = AT) -> Head:
    """A head as the key signs it, of a log that need not have that root."""
    head = Head(log.epoch, size, log.fingerprint, key.address, 1, "5e" * 32, root.hex(), at)
    assert head.digest is not None
    return head._replace(sig=sign_head(key, head.digest))


def show_two_faces(datastore: Datastore, peer: str) -> None:
    """Let a peer show two heads that cannot both be true."""
    log = FakeLog.of([])
    for root in (b"\1" * 32, b"\2" * 32):
        datastore.peers.see_head(peer, signed_head(log, 7, root))
