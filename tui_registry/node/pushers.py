"""Who pushes: a name for each place that operations come from, for the quarantine, and so that what waits on behalf of
one drives out nobody else's."""

from __future__ import annotations

import ipaddress

# No peer's name has a colon.
_PUSH = "push:"
OTHERS = f"{_PUSH}others"


class Pushers:
    """The places that have pushed since the node started; at most `most` of them are told apart."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def name(self, host: str | None) -> str:
        """`push:` and an address; for IPv6 its network of 64 bits, which one subscriber has to himself."""
        place = _place(host)
        if place is None or (place not in self._known and len(self._known) >= self._most):
            return OTHERS
        self._known.add(place)
        return _PUSH + place


def _place(host: str | None) -> str | None:
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, 64), strict=False))
