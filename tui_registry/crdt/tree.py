"""The Merkle tree of a log: RFC 6962, section 2.1, with SHA-256, over the hashes of its operations in their order.

Of a log that only grows its right edge is all that has to be kept: the roots of the complete subtrees that its size is
made of, the largest first, as many as the size has binary ones. More leaves put to it make the edge of the longer log,
and nobody can make the same root of other leaves: so who has the edge of what it read knows that a longer log with the
root that its head names begins with that.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from tui_registry.frozen import NamedTuple

NODE_BYTES = 32


class RightEdge(NamedTuple):
    """The right edge of a tree of `size` leaves; without arguments of the empty one."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> RightEdge:
        """The edge once these leaves stand behind: raw hashes of operations, 32 bytes each."""
        size, nodes = self
        stack = list(nodes)
        for leaf in leaves:
            node = sha256(b"\0" + leaf).digest()
            size += 1
            level = size
            while not level & 1:
                node = sha256(b"\1" + stack.pop() + node).digest()
                level >>= 1
            stack.append(node)
        return RightEdge(size, tuple(stack))

    def root(self) -> bytes:
        """The root of the whole tree, 32 bytes."""
        if not self.nodes:
            return sha256().digest()
        *left, root = self.nodes
        for node in reversed(left):
            root = sha256(b"\1" + node + root).digest()
        return root

    def to_bytes(self) -> bytes:
        """The nodes, one behind the other; the size is not in it."""
        return b"".join(self.nodes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> RightEdge:
        """
        Raises:
            ValueError: the bytes are no edge of a tree of that size.
        """
        if size < 0 or len(data) != NODE_BYTES * size.bit_count():
            raise ValueError(f"{len(data)} bytes are no right edge of a tree of {size} leaves")
        return cls(size, tuple(data[at : at + NODE_BYTES] for at in range(0, len(data), NODE_BYTES)))
