"""What is said of operations by this replica's own key that it did not write: what they did, what they may mean, and
what can be done about each, with what it costs; and of a replica that was put back to an older copy of itself.

`trust.md` has the same at length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import ago
from tui_registry.present.deeds import deed, standing
from tui_registry.text import exact, moment_utc, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Operation, Restored, Shared, TouchedRecord

PUT_BACK: Final = "this replica is an older copy of itself, such as a backup"
# Behind a number, in the sentence that a pull ends with.
SIGNED_ELSEWHERE: Final = "signed by your key elsewhere"
WHERE_THEY_ARE: Final = (
    "'tui-registry history --elsewhere' lists them and says what they may mean, 'tui-registry help trust' at length"
)


class Meaning(NamedTuple):
    """One of the things that such operations may mean.

    Attributes:
        key: picks it in a dialog. title: as its owner would say it.
        then: what to do, and what that costs.
    """

    key: str
    title: str
    then: str


OWN_DEVICE: Final = Meaning(
    "m",
    "They are mine: another device with this key, or this replica before a backup was put back",
    "Nothing is wrong. They are not told again. Records in conflict stay so until you settle them. To lose less of "
    "your time next time, sync before you write, on each device and after each restored backup.",
)
STOLEN: Final = Meaning(
    "k",
    "I did not write them: somebody else has my key",
    "No key can be called back: whoever has it can sign as you for good, and no replica can tell you apart. Stop "
    "using it: 'tui-registry identity new' makes another one (the former key file is kept). Register what you go on "
    "with anew under the new key, which cannot change records of the former one. Tell people your new address, by a "
    "way that does not need the old key, and that nothing signed by it after today is yours.",
)
MEANINGS: Final = (OWN_DEVICE, STOLEN)


def operations(count: int) -> str:
    """`3 operations by your key that this replica did not write`."""
    return f"{plural(count, 'operation')} by your key that this replica did not write"


def before_writing(count: int, restored: Restored | None = None) -> str:
    """What is said once before this replica writes on.

    Args:
        count: of the operations that came from elsewhere. restored: this replica was put back to an older copy.
    """
    there = f"there {'is' if count == 1 else 'are'} {operations(count)}"
    then = "What you write now may come into conflict with what is missing: sync with all your peers first"
    if restored is None:
        return (
            f"{there}: from another device of yours, from before a backup was put back, or from somebody else who has "
            f"your key. {then}"
        )
    # What came back since is told by their number; how much others have says little then.
    what = f"{PUT_BACK}, and {there}" if count else what_was_restored(restored)
    return f"{what}. {then}"


def line(operation: Operation, now: int) -> str:
    """`edited “my-model” 1.0.2, says 2 h ago, from hub (current)`, safe to show.

    Args:
        now: Unix seconds.
    """
    name = f"“{safe_text(operation.name, 60)}”" if operation.name else "a record without a name here"
    version = f" {safe_text(operation.version, 24)}" if operation.version else ""
    how = standing(operation)
    stands = f" ({how})" if how else ""
    return f"{deed(operation)} {name}{version}, says {ago(now - operation.updated_at)}, {came_from(operation)}{stands}"


def came_from(operation: Operation) -> str:
    """`from hub`, safe to show."""
    return f"from {safe_text(operation.source or '', 40) or 'an unnamed source'}"


def touched(record: TouchedRecord, *, named: bool = True) -> str:
    """What became of a record by them, safe to show; `named` with its kind and the beginning of its id."""
    which = f" ({record.kind} {record.id[:12]})" if named else ""
    return f"“{safe_text(record.name, 60)}”{which} {_BECAME[record.became]}"


_BECAME: Final = {
    "came back": "was deleted here and came back",
    "deleted": "was deleted elsewhere, and is gone here too",
    "changed": "shows what was written elsewhere",
    "another version": "is in conflict, and shows the version from elsewhere, not yours",
    "in conflict": "is in conflict with a version from elsewhere; yours is shown",
    "new": "is new here",
}


def what_was_restored(restored: Restored) -> str:
    """That it was put back, and by how much, for people."""
    then = f"others were given {plural(restored.shared, 'operation')} of it ({moment_utc(restored.shared_at)})"
    if restored.size < restored.shared:
        return f"{PUT_BACK}: it has {exact(restored.size)}, and {then}"
    # What was missing may have come back: all that is known is that it stands at other places.
    return f"{PUT_BACK}, that grew since: {then}, and its log is another now"


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
