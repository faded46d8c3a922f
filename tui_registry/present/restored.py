"""A replica that was put back to an older copy of itself, and a log that has another epoch, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui_registry.text import exact, moment_utc, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Restored, Shared


def what_was_restored(restored: Restored) -> str:
    """That it was put back, and by how much, for people."""
    then = f"others were given {exact(restored.shared)} operations of it ({moment_utc(restored.shared_at)})"
    what = "this replica is an older copy of itself, such as a backup"
    if restored.size < restored.shared:
        return f"{what}: it has {exact(restored.size)}, and {then}"
    # What was missing may have come back: all that is known is that it stands at other places.
    return f"{what}, that grew since: {then}, and its log is another now"


def what_sharing_did(shared: Shared) -> Iterator[str]:
    """What has to be said before a log is served or after it was published; nothing where all is as ever."""
    if shared.restored is not None:
        yield (
            f"{what_was_restored(shared.restored)}. Its log has a new epoch now, so that nobody mixes the two: readers "
            "begin anew. What is missing, 'tui-registry sync' brings back from who has it"
        )
    elif shared.renewed:
        yield "the log has a new epoch: readers begin anew"
    if shared.unmarked is not None:
        yield (
            f"how far the log was given to others cannot be remembered: {safe_text(shared.unmarked)}. Should you put a "
            "backup back, nobody will notice: use --new-epoch then"
        )
