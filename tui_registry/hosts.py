"""What a host is by itself alone: this machine, something on its network, or of the internet. Nobody is asked."""

from __future__ import annotations

import ipaddress
import socket
from typing import Literal, TypeAlias

Place: TypeAlias = Literal["here", "private", "public"]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and what goes there passes nobody."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large: not of this machine, its network, its link, or nobody's.
    What only wraps an IPv4 address is as that one is. False for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        wrapped = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if wrapped is not None:
            return is_public(str(wrapped))
        if found not in _GIVEN_OUT:
            return False
    return found.is_global and not found.is_multicast


def place_of_host(host: str) -> Place:
    """Where the host of an address leads, `public` too for a name that may lead anywhere.

    Args:
        host: a name or an IP address, without brackets, in any spelling that whoever connects would read.
    """
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return "here"
    try:
        # 127.1, 0x7f.1 and 2130706433 are all this machine
        number = str(ipaddress.IPv4Address(socket.inet_aton(host)))
    except (OSError, ValueError):  # what is no text for C, too
        number = host
    try:
        found = ipaddress.ip_address(number.partition("%")[0])
    except ValueError:
        return "private" if "." not in host or host.endswith(_LOCAL_NAMES) else "public"
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    if (inner or found).is_loopback or (inner or found).is_unspecified:
        return "here"
    return "public" if is_public(number) else "private"


# All of IPv6 that is given out for the internet (RFC 4291, 2.4, and IANA's list). The rest is of one's own network,
# such as fec0::/10 and 64:ff9b:1::/48, holds an IPv4 address in a form that is used no more, or is of nobody yet: which
# of that is_global knows differs from one version of Python to the next.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
# NAT64 (RFC 6052).
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
# Names that mean something only where they are (RFC 6762, RFC 6761, RFC 8375, and the habit of routers).
_LOCAL_NAMES = (
    ".local", ".localdomain", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa",
)  # fmt: skip
