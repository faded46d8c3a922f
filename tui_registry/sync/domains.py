"""A domain that names keys: `https://DOMAIN/.well-known/tui-registry.json`.

Whoever publishes under a domain says there which keys are its own, and each of these keys has signed the domain's name:
so neither can claim the other. It is read once, when somebody asks for it, and nothing else ever is: no record names a
domain. That a domain says so is as good as the domain is, on the day it was asked.

The file is a JSON object; members that are not named here are passed over:

    {"tui_registry": 1, "domain": "example.org",
     "keys": [{"address": "40 hex digits", "signature": {"sig": "128 hex digits", "rec": 0}}]}

`signature` is one of operations (protocol.md, Operations), over SHA3-256 of `tui_registry/domain/1`, a NUL and the
domain's name in ASCII (internationalised names as punycode), with `:PORT` behind it where that is not 443.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final

from tui_registry.crdt.keys import Identity, recover
from tui_registry.errors import Json, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.importers.fetch import FetchBounds, fetched, read_address
from tui_registry.importers.untrusted import SourceError
from tui_registry.text import safe_text

PLACE: Final = "/.well-known/tui-registry.json"
# So many keys of a domain are kept; the rest is passed over, and counted.
MOST_KEYS: Final = 64
BOUNDS: Final = FetchBounds(bytes=65_536, total_bytes=131_072, seconds=20.0, silent_seconds=10.0, redirects=3)


class DomainError(RegistryError):
    """A domain that cannot be asked (`bad_domain`, `unreachable`), or says nothing that can be read (`no_statement`);
    the sentence is safe to show."""


class DomainKeys(NamedTuple):
    """What a domain says.

    Attributes:
        domain: its name as it travels: lower case, ASCII.
        keys: addresses of the keys that it names, and that have signed its name.
        unproven: how many it names besides, that have not, or that there is no room for.
    """

    domain: str
    keys: tuple[str, ...]
    unproven: int


def domain_name(text: str) -> str:
    """A domain as it travels, with its port where that is not 443: what is written in letters of other scripts comes
    out as punycode, so that no letter passes for another.

    Raises:
        DomainError: `bad_domain`.
    """
    bare = text.strip().removeprefix("https://").rstrip("/")
    bad = DomainError("bad_domain", f"{safe_text(text, 80)} is no domain: write it as example.org")
    if not bare or any(sign in bare for sign in "/?#@\\ "):
        raise bad
    try:
        url = read_address(f"https://{bare}")
    except SourceError:
        raise bad from None
    name = url.netloc.decode("ascii").lower()
    if not _DOMAIN(name):
        raise bad
    return name


def read_domain(text: str) -> DomainKeys:
    """What a domain says which keys are its own, asked for now. Not to be called on a thread that runs an event loop.

    Raises:
        DomainError.
    """
    domain = domain_name(text)
    url = read_address(f"https://{domain}{PLACE}")
    try:
        answer = fetched(url, lambda fetcher: fetcher.get(url), BOUNDS)
    except SourceError as error:
        raise DomainError("unreachable", error.sentence) from None
    if answer.status != 200:
        raise DomainError(
            "no_statement", f"{domain} names no keys: https://{domain}{PLACE} answers with status {answer.status}"
        )
    try:
        tree = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _unreadable(domain, "it is no JSON") from None
    return _read(domain, tree)


def domain_file(text: str, identity: Identity) -> dict[str, Json]:
    """What to publish at `PLACE` of a domain, so that it names this key.

    Raises:
        DomainError: `bad_domain`.
    """
    domain = domain_name(text)
    sig, rec = identity.sign(_digest(domain))
    key: Json = {"address": identity.address, "signature": {"sig": sig.hex(), "rec": rec}}
    return {"tui_registry": 1, "domain": domain, "keys": [key]}


# How

_DOMAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.){0,126}[a-z0-9-]{1,63}(?::[0-9]{1,5})?").fullmatch
_ADDRESS = re.compile(r"(?:0x)?([0-9a-fA-F]{40})").fullmatch
_SIGNATURE = re.compile(r"[0-9a-f]{128}").fullmatch
_MARK: Final = b"tui_registry/domain/1\0"
# So many entries are looked at: recovering a key takes some 50 us.
_LOOKED_AT: Final = 1_000


def _digest(domain: str) -> bytes:
    return hashlib.sha3_256(_MARK + domain.encode("ascii")).digest()


def _read(domain: str, tree: Json) -> DomainKeys:
    if not isinstance(tree, dict) or tree.get("tui_registry") != 1 or not isinstance(tree.get("keys"), list):
        raise _unreadable(domain, 'it has no "tui_registry": 1 and no list of "keys"')
    if tree.get("domain") != domain:
        raise _unreadable(domain, f"it is of another domain, {safe_text(str(tree.get('domain')), 80)}")
    named = tree["keys"]
    assert isinstance(named, list)
    keys = dict.fromkeys(address for entry in named[:_LOOKED_AT] if (address := _proven(domain, entry)) is not None)
    kept = tuple(keys)[:MOST_KEYS]
    return DomainKeys(domain, kept, max(0, len(named) - len(kept)))


def _proven(domain: str, entry: Json) -> str | None:
    """The address of a key that has signed the domain's name."""
    if not isinstance(entry, dict) or not isinstance(entry.get("signature"), dict):
        return None
    signature = entry["signature"]
    assert isinstance(signature, dict)
    sig, rec, address = signature.get("sig"), signature.get("rec"), _ADDRESS(str(entry.get("address")))
    if address is None or not isinstance(sig, str) or not _SIGNATURE(sig) or rec not in (0, 1, 2, 3):
        return None
    signer = recover(_digest(domain), bytes.fromhex(sig), int(str(rec)))
    return signer if signer == address[1].lower() else None


def _unreadable(domain: str, why: str) -> DomainError:
    return DomainError("no_statement", f"what https://{domain}{PLACE} says cannot be read: {why}")
