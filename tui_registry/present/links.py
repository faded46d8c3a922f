"""What records are to one another, in words: the same on the command line and in the app. Names come from strangers,
and are made safe to show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tui_registry import licences
from tui_registry.datastore import DERIVED, MOST_COUNTED, NEEDS, PREFERS, Affected, Linked, LinkPage, Walk
from tui_registry.errors import Json, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.manifest_rows import MADE_BY, said_status, status_line
from tui_registry.present.record_rows import Row, variant
from tui_registry.text import address_short, exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, Reverse

_NAME_WIDTH: Final = 60
_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b", re.ASCII)
_WORDS: Final = {NEEDS: "needs", PREFERS: "prefers", DERIVED: "derived"}
# One of several, and several.
_DO: Final = {NEEDS: ("needs", "need"), PREFERS: ("prefers", "prefer"), DERIVED: ("was made from", "were made from")}


def counted(page: LinkPage) -> str:
    """How many there are: `12`, or `1,000+`; strangers apart where there are others as well: `3 (and 1,000+ of keys
    without a name)`."""
    known, strangers = page.own + page.named, _most(page.strangers)
    if not known or not page.strangers:
        return _most(known or page.strangers)
    return f"{_most(known)} (and {strangers} of keys without a name)"


def affected_line(affected: Affected) -> str | None:
    """Who is affected by what becomes of a record: `3 agents need this, 1 model was made from it`; None where nobody
    here names it."""
    pages = ((NEEDS, affected.needs), (PREFERS, affected.prefers), (DERIVED, affected.derived))
    found = [_who(sort, page) for sort, page in pages if page.total]
    if not found:
        return None
    line = ", ".join(f"{who} {'this' if place == 0 else 'it'}" for place, who in enumerate(found))
    return f"{line}; there may be more" if affected.needs.partial else line


# What changes in these concerns who names the record, and is told before it is signed: by what it is found, under which
# terms, as what, and whether it is still to be used.
_RELIED_ON: Final = {"name": "name", "license": "licence", "model_type": "type", "status": "status"}
RELIED_ON_PATHS: Final = frozenset(("name", "license", "model_type", "manifest.status"))


def relied_on(before: Record, after: Record) -> list[str]:
    """What changes between two versions of a record, or of its manifest, and concerns who names it, in words: `licence
    MIT → Apache-2.0`."""
    return [
        f"{label} {safe_text(variant(before[name]), 40)} → {safe_text(variant(after[name]), 40)}"
        for name, label in _RELIED_ON.items()
        if name in before and name in after and before[name] != after[name]
    ]


def affected_by(datastore: Datastore, reverse: Reverse) -> list[str]:
    """Whom it concerns that a batch is taken back, a line for each of the first records that others name and that go,
    or get another name, licence or status. Raises RegistryError."""
    lines = list[str]()
    for change in reverse.changes[:_LOOKED_AT]:
        if len(lines) == _TOLD:
            break
        entry = datastore.entry(change.id)
        if entry is None or (change.record is not None and not relied_on(entry.record, change.record)):
            continue
        line = affected_line(datastore.links.affected(change.id))
        if line is not None:
            lines.append(f"{safe_text(str(entry.record['name']), _NAME_WIDTH)}: {line}")
    return lines


# Of a batch so many changes are looked at, and so many lines told.
_LOOKED_AT: Final = 200
_TOLD: Final = 8


def name_of(record: Linked) -> str:
    """What a record at the end of a link is called; of one that is not here what is known of it."""
    name = safe_text(record.name, _NAME_WIDTH)
    if record.presence == "live":
        return name
    called = name or record.id[:12] or "something without a name"
    return f"{called} ({'deleted here' if record.presence == 'deleted' else 'not here'})"


def named_in(record: Record, manifest: Record | None) -> list[str]:
    """The ids that a record and what stands behind it name, as they stand there."""
    said = [record.get("preferred_models")]
    if manifest is not None:
        made_from = manifest["derived_from"]
        each = made_from if isinstance(made_from, list) else []
        said += [manifest["required_models"], [manifest["superseded_by"]]]
        said += [[one["model_id"] for one in each if isinstance(one, dict)]]
    found = [one for ids in said for one in (ids if isinstance(ids, list) else ()) if isinstance(one, str)]
    return [one for one in dict.fromkeys(found) if _HASH.fullmatch(one)]


class Near(NamedTuple):
    """The records beside one: those that it names, by their ids, and who names it."""

    named: Mapping[str, Linked]
    affected: Affected


def status_among(manifest: Record, kind: str, named: Mapping[str, Linked] | None) -> str | None:
    """What is to be known before a record is used (`status_line`), with the name of what is to be used instead.

    Args:
        named: records by their ids, None where they are not known.
    """
    heir = manifest["superseded_by"]
    record = named.get(heir) if named is not None and isinstance(heir, str) else None
    return status_line(manifest, kind, None if record is None else name_of(record))


def standing(datastore: Datastore, kind: str, manifest: Record) -> str | None:
    """`status_among` what the replica holds. Raises RegistryError."""
    heir = manifest["superseded_by"]
    return status_among(manifest, kind, datastore.links.look([heir]) if isinstance(heir, str) else None)


def read_near(datastore: Datastore, record_id: str, record: Record, manifest: Record | None) -> Near:
    """What a record shows of others. Raises RegistryError."""
    links = datastore.links
    return Near(links.look(named_in(record, manifest)), links.affected(record_id, _NEAR))


# So many of who names a record are read to show it: where there are more, they are only counted.
_NEAR: Final = 50


def with_names(rows: Iterable[Row], ends: Mapping[str, Linked], *, ids: bool = False) -> list[Row]:
    """Rows of a record or of its manifest, with names in place of the ids that they state.

    Args:
        ends: the records with these ids, as far as they were ever here (`Links.look`).
        ids: tell the beginnings of the ids as well.
    """
    return [
        row._replace(text=_HASH.sub(lambda found: _named(found[0], ends, ids=ids), row.text))
        if row.path.partition("[")[0] in _NAMING
        else row
        for row in rows
    ]


def _named(identifier: str, ends: Mapping[str, Linked], *, ids: bool) -> str:
    record = ends.get(identifier)
    if record is None:
        return f"{identifier[:12]} (not here)"
    return f"{name_of(record)} {identifier[:12]}" if ids and record.name else name_of(record)


# In rows of these an id stands for a record; other rows have digests.
_NAMING: Final = frozenset(("preferred_models", "required_models", "superseded_by"))


def user_rows(affected: Affected) -> list[Row]:
    """Who uses a record, and what was made from it: `Used by` with `3 agents: crew, writer, helper`."""
    found = []
    users = _users(affected.needs, affected.prefers)
    if users:
        found.append(Row("", "Used by", users))
    if affected.derived.total:
        found.append(Row("", "Made into", _with_examples(_counts(affected.derived), affected.derived.rows)))
    return found


def _users(needs: LinkPage, prefers: LinkPage) -> str:
    if not needs.total and not prefers.total:
        return ""
    rows = {row.id: row for row in (*needs.rows, *prefers.rows)}
    if all(page.exact and page.total == len(page.rows) for page in (needs, prefers)):
        # Who needs it and prefers it too is one of them.
        whose = [row.whose for row in rows.values()]
        both = LinkPage((*rows.values(),), whose.count("own"), whose.count("named"), whose.count("stranger"))
        return _with_examples(_counts(both), [*rows.values()])
    told = [f"{counted(page)} {_DO[sort][1]} it" for sort, page in ((NEEDS, needs), (PREFERS, prefers)) if page.total]
    return _with_examples(", ".join(told), [*rows.values()])


def _with_examples(told: str, rows: Sequence[Linked]) -> str:
    names = [name_of(row) for row in rows[:_EXAMPLES]]
    more = ", …" if len(rows) > len(names) else ""
    return f"{told}: {', '.join(names)}{more}" if names else told


_EXAMPLES: Final = 3


def remarks(record: Linked) -> str:
    """What is to be known of it beside its name: its licence, its status, whose it is."""
    if record.presence != "live":
        return record.id[:12] if record.name else ""
    whose = "yours" if record.whose == "own" else safe_text(record.owner_name or "", 40) or address_short(record.owner)
    parts = (record.version, safe_text(record.license, 40), said_status(record.status) or "", whose)
    return ", ".join(part for part in (safe_text(parts[0], 24), *parts[1:]) if part)


def link_words(record: Linked, *, upwards: bool) -> str:
    """How a record is linked, before its name: `needs`, `prefers`, `fine-tuned from` where it is named; `upwards`,
    where it is the one that names, `needs it`, `fine-tuned from it`."""
    how = _WORDS[record.sort]
    if record.sort == DERIVED:
        relation = record.relation or "Other"
        how = MADE_BY.get(relation) or f"{safe_text(relation, 40)} of"
    return f"{how} it" if upwards else how


def tree_lines(walk: Walk, *, upwards: bool) -> Iterator[str]:
    """A walk as a tree, a line for each record; `upwards` where it leads to what stands on the first one."""
    children: dict[int, list[int]] = {}
    for place, node in enumerate(walk.nodes):
        children.setdefault(node.parent, []).append(place)
    yield f"{name_of(walk.nodes[0].record)}  {remarks(walk.nodes[0].record)}".rstrip()
    waiting = [(place, "") for place in reversed(children.get(0, []))]
    while waiting:
        place, lead = waiting.pop()
        node = walk.nodes[place]
        is_last = place == children[node.parent][-1]
        how = link_words(node.record, upwards=upwards)
        again = "  (above, or further down)" if node.again else ""
        told = remarks(node.record)
        yield f"{lead}{'└─' if is_last else '├─'} {how}: {name_of(node.record)}{f'  {told}' if told else ''}{again}"
        deeper = lead + ("   " if is_last else "│  ")
        waiting += [(child, deeper) for child in reversed(children.get(place, []))]


def cuts(walk: Walk) -> Iterator[str]:
    """What of a walk is not shown, and why: a sentence each."""
    if walk.more:
        yield f"there are more: it ends after {exact(len(walk.nodes))} records"
    if walk.deeper:
        steps = max(node.steps for node in walk.nodes)
        yield f"it goes on behind {exact(steps)} {'step' if steps == 1 else 'steps'}: --depth says how far to look"
    if walk.partial:
        yield "links of older records are still being gathered, once for this version: there may be more"


class Clash(NamedTuple):
    """Two licences of which the one does not go with the other: of a record, and of what it was made from.

    Attributes:
        why: ends a sentence.
    """

    made: Linked
    base: Linked
    why: str


def clashes(walk: Walk, *, upwards: bool) -> list[Clash]:
    """The licences along the way that do not go together, as far as that is known (`licences.clash`): advice, from what
    owners state, and no opinion of a lawyer."""
    # By whose licences they are: a walk can come to two records by several ways, and in a circle in both orders.
    found: dict[tuple[str, str], Clash] = {}
    for place, node in enumerate(walk.nodes):
        here = place
        while walk.nodes[here].parent >= 0 and walk.nodes[here].record.sort == DERIVED:
            here = walk.nodes[here].parent
            other = walk.nodes[here].record
            made, base = (node.record, other) if upwards else (other, node.record)
            both_live = made.presence == base.presence == "live"
            why = licences.clash(made.license, base.license) if both_live else None
            if why is not None:
                found.setdefault((made.id, base.id), Clash(made, base, why))
    return [*found.values()]


def clash_line(clash: Clash) -> str:
    made, base = clash.made, clash.base
    said = (
        f"{name_of(made)} ({safe_text(made.license, 40)}) was made from {name_of(base)} ({safe_text(base.license, 40)})"
    )
    return f"{said}: {clash.why}"


def walk_json(walk: Walk, *, upwards: bool) -> dict[str, Json]:
    """A walk as programs read it."""
    return {
        "nodes": [
            {
                "id": node.record.id or None,
                "name": node.record.name,
                "kind": node.record.kind,
                "presence": node.record.presence,
                "version": node.record.version or None,
                "license": node.record.license or None,
                "status": node.record.status,
                "owner": node.record.owner or None,
                "whose": node.record.whose if node.record.presence == "live" else None,
                "parent": None if node.parent < 0 else node.parent,
                "steps": node.steps,
                "link": None if node.parent < 0 else _WORDS[node.record.sort],
                "relation": None if node.parent < 0 else node.record.relation,
                "again": node.again,
            }
            for node in walk.nodes
        ],
        "deeper": walk.deeper,
        "more": walk.more,
        "partial": walk.partial,
        "clashes": [
            {
                "id": clash.made.id,
                "license": clash.made.license,
                "base": clash.base.id,
                "base_license": clash.base.license,
                "why": clash.why,
            }
            for clash in clashes(walk, upwards=upwards)
        ],
    }


def affected_json(affected: Affected) -> dict[str, Json]:
    """How many records name one, as programs read it; 1,001 means more than a thousand."""
    pages = ((NEEDS, affected.needs), (PREFERS, affected.prefers), (DERIVED, affected.derived))
    return {_WORDS[sort]: {"own": page.own, "named": page.named, "strangers": page.strangers} for sort, page in pages}


def _most(count: int) -> str:
    return f"{exact(MOST_COUNTED)}+" if count > MOST_COUNTED else exact(count)


def _who(sort: int, page: LinkPage) -> str:
    one, several = _DO[sort]
    return f"{_counts(page)} {one if page.exact and page.total == 1 else several}"


def _counts(page: LinkPage) -> str:
    """How many they are, by kind where all of them are told: `3 agents (1 of keys without a name)`."""
    if not page.exact or page.total != len(page.rows):
        return f"{counted(page)} records"
    kinds = {kind: sum(row.kind == kind for row in page.rows) for kind in ("agent", "model")}
    named = [f"{exact(count)} {kind}{'' if count == 1 else 's'}" for kind, count in kinds.items() if count]
    # Anybody can name anything: of how many nothing is known is told beside those of which something is.
    apart = f" ({exact(page.strangers)} of keys without a name)" if 0 < page.strangers < page.total else ""
    return f"{' and '.join(named)}{apart}"
