"""What a file on this machine is to the records here, by its SHA-256: the same sentences on the command line and in the
app. A digest that a manifest states is a claim of its owner, and whose claim it is is always said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.text import address_short, exact, plural, safe_text

# `is_one`: of the record that was asked about, or of any where none was. `no_digests`: the record states none.
State = Literal["is_one", "is_none", "no_digests"]
_DIGITS: Final = 12


class Owner(NamedTuple):
    """Whose a record is: the address, this replica's name for the key, and whether it is this replica's own."""

    address: str
    called: str | None
    mine: bool


class Claim(NamedTuple):
    """That a file of a record has a digest: its `uri` and the size in bytes that is stated of it, None for none."""

    kind: Kind
    id: str
    name: str
    owner: Owner
    uri: str
    size: int | None


class Asked(NamedTuple):
    """The record that a file should be of, and what stands behind it; None where there is nothing."""

    kind: Kind
    id: str
    name: str
    owner: Owner
    manifest: Record | None


class Verdict(NamedTuple):
    """What a file is.

    Attributes:
        claims: who states its digest, those of the record that was asked about first; `more` that there are others.
        sentence: about the file, without its name; safe to show.
    """

    state: State
    claims: tuple[Claim, ...]
    more: bool
    sentence: str


def claims_of(record: Asked, digest: str) -> Iterator[Claim]:
    """The files of a record that have this digest as its owner states."""
    for uri, stated, size in _files(record.manifest):
        if stated == digest:
            yield Claim(record.kind, record.id, record.name, record.owner, uri, size)


def size_differs(asked: Asked, size: int) -> str:
    """What is to be said before so large a file is read at all; empty where its size says nothing against it."""
    sizes = [stated for _, digest, stated in _files(asked.manifest) if digest is not None]
    if not sizes or None in sizes or size in sizes:
        return ""
    stated = (
        f"the only one is {exact(sizes[0] or 0)} bytes long" if len(sizes) == 1 else "none is stated to be that long"
    )
    return f"it has {exact(size)} bytes, and of the files of {_quoted(asked.name)} that have a digest {stated}"


def judge(size: int, digest: str, asked: Asked | None, others: Iterable[Claim] = (), *, more: bool = False) -> Verdict:
    """What a file is, by its size in bytes and its digest (64 hex digits).

    Args:
        asked: the record that it should be of; None for any that is here.
        others: what other records state of the digest; those of the record that was asked about are passed over.
    """
    own = () if asked is None else tuple(claims_of(asked, digest))
    claims = (*own, *(claim for claim in others if asked is None or claim.id != asked.id))
    if asked is None:
        state: State = "is_one" if claims else "is_none"
    elif own:
        state = "is_one"
    else:
        state = "is_none" if any(stated for _, stated, _ in _files(asked.manifest)) else "no_digests"
    return Verdict(state, claims, more, _sentence(state, size, digest, asked, claims))


def claim_line(claim: Claim, size: int) -> str:
    """A file of a record, whose claim that is, and what of it does not fit a file of that size."""
    which = f"{safe_text(claim.uri, 200)} of the {claim.kind} {_quoted(claim.name)} ({claim.id[:_DIGITS]})"
    doubt = ""
    if claim.size is not None and claim.size != size:
        doubt = f", though that should have {exact(claim.size)} bytes and this has {exact(size)}"
    return f"{which}, {_by(claim.owner)}{doubt}"


def claim_json(claim: Claim) -> dict[str, Json]:
    """The same for programs."""
    return {
        "kind": claim.kind,
        "id": claim.id,
        "name": claim.name,
        "owner": claim.owner.address,
        "petname": claim.owner.called,
        "mine": claim.owner.mine,
        "uri": claim.uri,
        "size_bytes": claim.size,
    }


# How


def _sentence(state: State, size: int, digest: str, asked: Asked | None, claims: Sequence[Claim]) -> str:
    if state == "is_one":
        return f"is {claim_line(claims[0], size)}{_and(len(claims) - 1)}"
    but = f"; by its digest it is {claim_line(claims[0], size)}{_and(len(claims) - 1)}" if claims else ""
    if asked is None:
        return f"is no file that a record here states the digest of: its SHA-256 is {digest}"
    name = _quoted(asked.name)
    if state == "no_digests":
        return f"cannot be told to be of {name} or not: its owner states no digests{but}"
    count = sum(stated is not None for _, stated, _ in _files(asked.manifest))
    return f"is no file of {name}: none of {plural(count, 'digest')} stated there is its own, {digest[:_DIGITS]}…{but}"


def _and(others: int) -> str:
    return f"; {plural(others, 'other claim')} like this" if others > 0 else ""


def _by(owner: Owner) -> str:
    """Whose claim it is."""
    if owner.mine:
        return "as you state yourself"
    if owner.called is not None:
        return f"as {safe_text(owner.called, 60)} states"
    return f"which is a claim of {address_short(owner.address)}, a key without a name here"


def _quoted(name: str) -> str:
    return f"“{safe_text(name, 60)}”"


def _files(manifest: Record | None) -> Iterator[tuple[str, str | None, int | None]]:
    """The files of a manifest: address, digest and size."""
    files = None if manifest is None else manifest["artifacts"]
    for file in files if isinstance(files, list) else ():
        if isinstance(file, dict):
            digest, size = file["sha256"], file["size_bytes"]
            yield (
                str(file["uri"]),
                digest if isinstance(digest, str) else None,
                size if isinstance(size, int) else None,
            )
