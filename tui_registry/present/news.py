"""What came since somebody looked, and what they keep to themselves about records, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui_registry.datastore import NewsCount, Row, Watched
from tui_registry.errors import Json
from tui_registry.text import address_short, exact, plural, safe_text


def news_words(count: NewsCount) -> str:
    """What came, such as `12 new records, 3 changed, 1 conflict`; empty where nothing did."""
    over = "" if count.exact else "over "
    parts = [
        plural(count.new, "new record") if count.new else "",
        f"{exact(count.changed)} changed" if count.changed else "",
        plural(count.conflicts, "conflict") if count.conflicts else "",
    ]
    return ", ".join(f"{over}{part}" for part in parts if part)


def remarks(row: Row) -> list[str]:
    """What is kept about a record, as a list says it behind its line, in a word each."""
    return [word for is_so, word in ((row.starred, "starred"), (row.noted, "noted")) if is_so]


def watched_name(what: str, owners: Mapping[str, str]) -> str:
    """What is watched, as people call it, safe to show.

    Args:
        owners: local names by address.
    """
    if not what.startswith("0x"):
        return safe_text(what, 40)
    address = what.removeprefix("0x")
    return safe_text(owners.get(address) or address_short(address), 40)


def watched_words(watched: Watched, owners: Mapping[str, str]) -> str:
    """What is new of something that is watched, such as `2 new of my-lab`, or why that cannot be said."""
    if watched.fault:
        return f"{watched_name(watched.what, owners)}: {safe_text(watched.fault, 200)}"
    over = "" if watched.exact else "over "
    return f"{over}{exact(watched.new)} new of {watched_name(watched.what, owners)}"


def watched_json(watched: Watched) -> dict[str, Json]:
    """What is watched, for programs."""
    return {
        "what": watched.what,
        "query": watched.query,
        "new": None if watched.fault else watched.new,
        "exact": watched.exact,
    }


def news_json(count: NewsCount, watched: Sequence[Watched]) -> dict[str, Json]:
    """What came, for programs."""
    return {
        "new": count.new,
        "changed": count.changed,
        "conflicts": count.conflicts,
        "exact": count.exact,
        "looked_at": count.looked_at,
        "watched": [watched_json(one) for one in watched],
    }
