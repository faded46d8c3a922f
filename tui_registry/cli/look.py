"""Looking: `list`, `search`, `show`, `compare`, `history`, `quarantine`.

A table for people, a JSON object a line for programs.
"""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from tui_registry.cli.commands import OPERATIONS_SHOWN, RECORDS_SHOWN
from tui_registry.cli.output import (
    Column,
    Table,
    UsageError,
    cell_width,
    fitted,
    note,
    on_terminal,
    out,
    out_json,
    problem_line,
    progress_bar,
    terminal_width,
)
from tui_registry.cli.registry import (
    asking,
    find,
    find_with_manifest,
    names_in,
    open_either,
    open_registry,
    own_key_in,
    query_explained,
    seen_json,
)
from tui_registry.datastore import Datastore, StoreError, revision_with
from tui_registry.exports import entry_json, shown_json
from tui_registry.frozen import NamedTuple
from tui_registry.text import age, count_words, exact, moment_utc, plural, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.cli.registry import Registry
    from tui_registry.datastore import (
        Entry,
        Facets,
        HistoryEntry,
        ManifestEntry,
        Operation,
        Page,
        Quarantined,
        Row,
        Versions,
    )
    from tui_registry.errors import Json, Kind, OpKind, Problem, Record
    from tui_registry.present.links import Near
    from tui_registry.present.record_rows import Row as Shown
    from tui_registry.sync.remote import Remote

    _Op = TypeVar("_Op", Operation, HistoryEntry)


def list_records(args: Namespace) -> int:
    """List the records of a kind."""
    return _list(args, "", "model" if args.kind == "models" else "agent")


def search(args: Namespace) -> int:
    """List what the query finds, best first, or count its facets; or save it, or list or forget saved searches."""
    query = " ".join(args.query)
    if args.node is not None and args.machine is not None:
        raise UsageError("a node is asked without a machine, as it knows only its own: write fit:24gb, for such a GPU")
    if args.node is not None and (args.saved or args.forget is not None or args.save is not None):
        raise UsageError("searches are saved in the replica on this machine: leave --node out")
    if args.saved or args.forget is not None:
        if query:
            raise UsageError("--saved and --forget take no query")
        return _list_saved(args) if args.saved else _forget(args)
    if args.facets:
        return _count(args, query)
    if not args.query:
        raise UsageError("there is no query: 'list models' lists all models, 'help search' explains queries")
    if args.save is not None:
        return _save(args, query)
    return _list(args, query, None)


def show(args: Namespace) -> int:
    """Show the record, or as it was."""
    with open_either(args) as registry:
        if args.at is not None:
            _show_as_it_was(registry, args)
            return 0
        entry, beside = find_with_manifest(registry, args.id)
        versions = registry.versions(entry.id) if len(entry.live_heads) > 1 else None
        names = {} if versions is None else names_in(registry)
        near = None if args.json else _near(registry, entry, beside)
    if args.json:
        out_json({**shown_json(entry, beside), **seen_json(entry), **_versions_json(versions)})
        return 0
    for line in _described(entry, beside, "your key" if args.node is None else "the node's key", near):
        out(line)
    if versions is not None:
        from tui_registry.cli.side_by_side import conflict_lines

        out()
        for line in conflict_lines(versions, int(time.time()), names):
            out(asking(registry, line))
    return 0


def history(args: Namespace) -> int:
    """List the operations."""
    if args.id is not None and args.mine:
        raise UsageError("--mine goes without an ID: all operations of a record are its owner's")
    if args.id is not None and args.elsewhere:
        raise UsageError("--elsewhere lists what your key signed elsewhere, of all records: it goes without an ID")
    if args.acknowledge and not args.elsewhere:
        raise UsageError("--acknowledge goes with --elsewhere: 'history --elsewhere' lists what it is about")
    if args.id is not None:
        with open_either(args) as registry:
            _list_history(registry, args)
        return 0
    if args.node is not None:
        raise UsageError("a node tells the operations of one record: give its ID, or leave --node out")
    with open_registry(args) as datastore:
        if args.elsewhere:
            _list_elsewhere(datastore, args)
        else:
            _list_operations(datastore, args)
    return 0


def quarantine(args: Namespace) -> int:
    """List what was refused, or what was left out."""
    if (args.take_in or args.owner is not None) and not args.left_out:
        raise UsageError("--take-in and --owner go with --left-out: what was refused stays so")
    with open_registry(args) as datastore:
        if args.left_out:
            from tui_registry.cli.keeping_out import left_out

            left_out(datastore, args)
            return 0
        refused = datastore.log.quarantine(args.limit)
    if args.json:
        for found in refused:
            out_json(_refused_json(found))
    elif refused:
        _print_refused(refused)
    else:
        note("nothing was refused")
    return 0


# Lists of records

_PAGE = 200
# A hundred thousand records take some fifteen.
_INDEX_SECONDS = 20.0
_RECORDS = (
    Column("NAME", 24, grows=True),
    Column("KIND", 5, spare=2),
    Column("TYPE", 15, spare=1),
    Column("SIZE", 6, right=True),
    Column("LICENCE", 16, spare=3),
    Column("UPDATED", 7, right=True),
    Column("OWNER", 12, spare=4),
    Column("ID", 12),
)


def _list(args: Namespace, query: str, kind: Kind | None) -> int:
    limit: int | None = args.limit
    if limit is None:
        limit = RECORDS_SHOWN if on_terminal() and not args.json else 0
    strict: bool = kind is None and args.strict
    with query_explained(query), open_either(args) as datastore:
        if isinstance(datastore, Datastore):
            _await_index(datastore, query, strict)
        if args.json:
            found = datastore.entries(query, kind=kind, sort=args.sort, whole=True, strict=strict, told=note)
            for entry in islice(found, limit or None):
                out_json({**entry_json(entry), "status": entry.status, **seen_json(entry)})
        else:
            _print_records(datastore, query, kind, args.sort, limit, strict)
    return 0


def _await_index(datastore: Datastore, query: str, strict: bool) -> None:
    """Wait for a while where records would be missing for want of the word index: each command by itself makes but a
    little of it, and who has no app open would look at parts for dozens of commands."""
    if not query or not datastore.is_partial(query, strict=strict):
        return
    note("search is being made anew, once for this version of tui-registry")
    with progress_bar("made for record") as show:
        is_whole = datastore.finish_index(_INDEX_SECONDS, show)
    if not is_whole:
        note("that takes longer: the next search goes on with it, and 'tui-registry verify' does all of it at once")


def _print_records(
    datastore: Registry, query: str, kind: Kind | None, sort: str | None, limit: int, strict: bool
) -> None:
    # Where all records are of one kind the column is left out.
    columns = [column for column in _RECORDS if kind is None or column.title != "KIND"]
    table = Table(columns, terminal_width())
    from tui_registry.present import news
    from tui_registry.present.owners import owner_cell, remarks

    now, own, names = int(time.time()), own_key_in(datastore), names_in(datastore)
    shown = 0
    page = datastore.search(query, kind=kind, sort=sort, limit=min(limit, _PAGE) or _PAGE, whole=True, strict=strict)
    first = page
    for sentence in page.notes:
        note(sentence)
    while page.rows:
        if shown == 0:
            out(table.header())
        for row in page.rows:
            owner = owner_cell(row.owner, row.owner == own, names)
            told = "  ".join((*_remarks(row), *remarks(row.name, row.like), *news.remarks(row)))
            out(table.line(_cells(row, now, owner, with_kind=kind is None), told))
        shown += len(page.rows)
        if page.next is None or shown == limit:
            break
        room = min(limit - shown, _PAGE) if limit else _PAGE
        page = datastore.search(query, kind=kind, sort=sort, limit=room, cursor=page.next, whole=True)
    if shown == 0:
        note(_nothing(datastore, query, first))
    elif page.next is not None:
        more = "" if first.exact else "more than "
        note(f"{exact(shown)} of {more}{exact(first.total)} shown: --limit 0 lists all")


def _cells(row: Row, now: int, owner: str, *, with_kind: bool) -> tuple[str, ...]:
    return (
        row.name,
        *((row.kind,) if with_kind else ()),
        row.type,
        count_words(row.parameters) if row.parameters else "-",
        row.license,
        age(now - row.updated_at),
        owner,
        row.id[:12],
    )


def _remarks(row: Row) -> Iterator[str]:
    if row.status is not None:
        from tui_registry.present.manifest_rows import said_status  # few lists have one

        yield str(said_status(row.status))
    if row.heads > 1:
        yield f"conflict: {row.heads} versions"
    if row.manifest_heads > 1:
        yield f"conflict: {row.manifest_heads} versions of its manifest"
    if row.future:
        yield "dated in the future"


def _nothing(datastore: Registry, query: str, page: Page) -> str:
    near = f". The nearest names: {', '.join(safe_text(name, 80) for name in page.near)}" if page.near else ""
    if page.did_you_mean is not None:
        return f"nothing found. Did you mean: {safe_text(page.did_you_mean)}{near}"
    if query:
        return f"nothing found{near}"
    if not isinstance(datastore, Datastore):
        return "no records of this kind there"
    if datastore.stats().records:
        return "no records of this kind here"
    return "this replica is empty: 'register' a record, 'sync' with a peer, or look around in the 'demo'"


# Facets: what the matches have in common, counted, each as the term that narrows a search to it

_FACETS = (Column("TERM", 20, grows=True), Column("RECORDS", 9, right=True))


class _Count(NamedTuple):
    """A value that some of the matches have; people read `label` in its place, such as their name for an owner."""

    field: str
    value: str
    label: str
    term: str
    records: int


def _count(args: Namespace, query: str) -> int:
    if args.sort is not None or args.limit is not None:
        raise UsageError("--facets counts what is found: --sort and --limit are for lists")
    with query_explained(query), open_either(args) as registry:
        if isinstance(registry, Datastore):
            _await_index(registry, query, args.strict)
        facets = registry.facets(query, whole=True, strict=args.strict)
        counts = list(_counts(facets, names_in(registry)))
    for sentence in facets.notes:
        note(sentence)
    if args.json:
        for count in counts:
            out_json({**count._asdict(), "exact": facets.exact})
        return 0
    table = Table(_FACETS, terminal_width())
    if counts:
        out(table.header())
    for count in counts:
        label = "" if count.label == count.value else safe_text(count.label)
        out(table.line((count.term, exact(count.records)), label))
    if not counts:
        note("nothing found")
    elif not facets.exact:
        note("too many were found to count them all: these are the numbers of the ones registered last")
    return 0


def _counts(facets: Facets, names: dict[str, str]) -> Iterator[_Count]:
    from tui_registry.query.editing import with_term
    from tui_registry.query.fields import FACETS

    for field, values in facets.values.items():
        for value, label, records in values:
            shown = names.get(value, label) if field == "owner" else label
            term = with_term("", FACETS[field].term, value)
            yield _Count(field, value, shown, term, records)


# Saved searches


def _save(args: Namespace, query: str) -> int:
    name: str = args.save.removeprefix("@")
    with query_explained(query), open_registry(args) as datastore:
        datastore.searches.save(name, query)
    note(f"saved: 'search @{name}' asks it")
    return 0


def _forget(args: Namespace) -> int:
    name: str = args.forget.removeprefix("@")
    with open_registry(args) as datastore:
        datastore.searches.drop(name)
    return 0


def _list_saved(args: Namespace) -> int:
    with open_registry(args) as datastore:
        saved = datastore.searches.saved()
    widest = max(map(len, saved), default=0)
    for name, query in saved.items():
        if args.json:
            out_json({"name": name, "query": query})
        else:
            out(f"@{name:<{widest}}  {safe_text(query)}")
    if not saved:
        note("no search is saved: 'search --save NAME QUERY' saves one")
    return 0


# One record in full

_LABEL = 14


def _near(registry: Registry, entry: Entry, beside: ManifestEntry | None) -> Near | None:
    """What a record shows of others; a node is not asked for all of these."""
    if not isinstance(registry, Datastore):
        return None
    from tui_registry.present.links import read_near

    return read_near(registry, entry.id, entry.record, None if beside is None else beside.manifest)


def _described(entry: Entry, beside: ManifestEntry | None, key: str, near: Near | None) -> Iterator[str]:
    from tui_registry.present.record_rows import domain_rows, own_rows, signature_rows, warnings

    manifest = None if beside is None else beside.manifest
    yield from _titled(entry.kind, entry.record)
    now = int(time.time())
    own = [*own_rows(entry), *signature_rows(entry, key), *domain_rows(entry, now)]
    yield from _rows(own, entry.record, near)
    said = None if manifest is None else _standing(manifest, entry.kind, near)
    for warning in (*(() if said is None else (said,)), *warnings(entry, now)):
        yield f"  ! {warning}"
    if beside is not None and len(beside.live_heads) > 1:
        count = len(beside.live_heads)
        yield f"  ! its manifest is in conflict: {count} versions, see 'tui-registry manifest show {entry.id[:12]}'"
    yield from _behind(manifest, near)
    yield from _below(entry.record, entry.problems)


def _standing(manifest: Record, kind: Kind, near: Near | None) -> str | None:
    from tui_registry.present.links import status_among

    return status_among(manifest, kind, near and near.named)


def _behind(manifest: Record | None, near: Near | None = None) -> Iterator[str]:
    if manifest is None:
        return
    from tui_registry.cli.manifest import manifest_lines

    yield ""
    yield "manifest"
    yield from manifest_lines(manifest, near)


def _titled(kind: Kind, record: Record) -> Iterator[str]:
    yield f"{safe_text(str(record['name']))}  {safe_text(str(record['version']))}  ({kind})"
    if record["description"]:
        yield ""
        yield safe_text(str(record["description"]), newlines=True)
    yield ""


def _rows(first: Sequence[Shown], record: Record, near: Near | None = None) -> Iterator[str]:
    """Rows about the operation, then those of the record."""
    from tui_registry.present.record_rows import better_with, fact_rows, needs, time_rows

    facts = [row for row in fact_rows(record) if row.stated]
    if near is not None:
        from tui_registry.present.links import user_rows, with_names

        facts = [*with_names(facts, near.named, ids=True), *user_rows(near.affected)]
    rows = [*first, *facts, *time_rows(record, int(time.time()))]
    lines = [(row.plain, row.text) for row in rows]
    lines += [("needs", ", ".join(needs(record))), ("better with", ", ".join(better_with(record)))]
    for label, text in lines:
        yield f"  {label:<{_LABEL}}{text}"


def _below(record: Record, problems: Sequence[Problem]) -> Iterator[str]:
    if problems:
        yield ""
        yield "problems"
        for problem in problems:
            yield f"  {problem_line(problem)}"
    if record["formfile_template"]:
        yield ""
        yield "formfile template"
        for line in safe_text(str(record["formfile_template"]).rstrip("\n"), newlines=True).split("\n"):
            yield f"  {line}".rstrip()


def _versions_json(versions: Versions | None) -> dict[str, Json]:
    """What a record in conflict has beside the rest: each version that is live."""
    if versions is None or len(versions.live) < 2:
        return {}
    from tui_registry.present.settling import versions_json

    return {"versions": versions_json(versions)}


# A record as it was


def _show_as_it_was(datastore: Registry, args: Namespace) -> None:
    """
    Raises:
        StoreError: it was not there yet, or was deleted then; or there is no such record or operation.
    """
    kind, identifier = datastore.find(args.id, deleted=True)
    from tui_registry.cli.side_by_side import of_manifest_then, of_record_then, operation_at

    moment = _moment(args.at, int(time.time()))
    manifest: HistoryEntry | None = None
    if moment is None:
        of_manifest, named = operation_at(datastore, identifier, args.at)
        # What stood beside what it wrote, when it did.
        beside = of_record_then if of_manifest else of_manifest_then
        other = beside(datastore, identifier, named)
        op, manifest = (other, named) if of_manifest else (named, other)
        if op is None:
            raise StoreError("not_found", f"of {kind} {identifier[:12]} nothing was there yet")  # never: no such op
        moment = named.updated_at if of_manifest else None
    elif isinstance(datastore, Datastore):
        op = named = datastore.record_at(identifier, moment)
        manifest = datastore.manifests.at(identifier, moment)
    else:
        raise UsageError("a node tells a record as one of its operations wrote it, not by a time: see 'history ID'")
    if op.record is None:
        raise StoreError("not_found", asking(datastore, _was_deleted(datastore, kind, identifier, op, moment)))
    behind = None if manifest is None else manifest.record
    if args.json:
        out_json({**_as_it_was_json(datastore, kind, identifier, named, op.record), "manifest": behind})
        return
    for line in _as_it_was(kind, identifier, op, op.record, moment, names_in(datastore)):
        out(line)
    for line in _behind(behind):
        out(line)


def _moment(text: str, now: int) -> int | None:
    """The Unix seconds that a text means: a date (its last second, at most now), a date and time, an age such as `3d`,
    `today` or `yesterday`; None where it may be the beginning of an operation's hash instead.

    Dates and ages are those of the query language, in UTC unless a zone is named.

    Raises:
        UsageError: it is neither.
    """
    from datetime import UTC, datetime

    from tui_registry.query.fields import FIELDS
    from tui_registry.query.intervals import read_bounds

    asked = text.strip().lower().removesuffix(" ago").replace(" utc", "z")
    # "3 d" and "2026-01-31 10:00"
    first, space, rest = asked.partition(" ")
    asked = f"{first}{'t' if space and '-' in first else ''}{rest}"
    if asked in _DAYS:
        asked = datetime.fromtimestamp(now - _DAYS[asked], UTC).strftime("%Y-%m-%d")
    if _ZONED(asked):
        try:
            return min(now, int(datetime.fromisoformat(asked).timestamp()))
        except (ValueError, OverflowError):
            raise UsageError(
                f"there is no time '{safe_text(text, 40)}': write one such as 2026-01-31T10:00+01:00"
            ) from None
    try:
        low, high = read_bounds(FIELDS["updated"], "<=", asked, now)
    except ValueError as error:
        if _HASH(asked):
            return None
        raise UsageError(f"{error}, or the beginning of an operation's hash (see 'history ID')") from None
    found = high if high is not None else low
    return now if found is None else min(now, found)


# Seconds before now, of which the day is meant.
_DAYS = {"today": 0, "yesterday": 86_400}
_ZONED = re.compile(r"(?a)\d{4}-\d\d-\d\dt\d\d:\d\d(:\d\d)?[+-]\d\d:?\d\d").fullmatch
_HASH = re.compile(r"[0-9a-f]{1,64}").fullmatch


def _as_it_was(
    kind: Kind, identifier: str, op: HistoryEntry, record: Record, moment: int | None, names: Mapping[str, str]
) -> Iterator[str]:
    from tui_registry.present.record_rows import Row as Shown
    from tui_registry.present.settling import as_it_was
    from tui_registry.present.version_words import came

    now = int(time.time())
    yield as_it_was(op, moment, now)
    yield f"operation {op.hash[:12]}: {op.did}, {came(op, now, names)}"
    yield ""
    yield from _titled(kind, record)
    about = [
        Shown("", "Id", identifier),
        Shown("", "Owner", f"0x{op.actor}"),
        Shown("", "Operation", op.hash),
    ]
    yield from _rows(about, record)
    yield from _below(record, ())


def _was_deleted(datastore: Registry, kind: Kind, identifier: str, op: HistoryEntry, moment: int | None) -> str:
    from tui_registry.cli.side_by_side import as_it_was_before

    when = "by that operation" if moment is None else "then"
    before = as_it_was_before(identifier, op, (datastore.record_at(identifier, child) for child in op.children))
    return f"{kind} {identifier[:12]} was deleted {when} (operation {op.hash[:12]}): {before}"


def _as_it_was_json(
    datastore: Registry, kind: Kind, identifier: str, op: HistoryEntry, record: Record
) -> dict[str, Json]:
    """As `show --json`, with the heads of now: given to `update`, it brings this version back."""
    from tui_registry.present.settling import version_json

    heads = datastore.heads(identifier)
    beside = datastore.manifests.get(identifier)
    told = version_json(op)
    del told["record"]
    return {
        "kind": kind,
        "id": identifier,
        "record": record,
        "heads": [*heads],
        "problems": [problem.to_json() for problem in datastore.check(kind, record)],
        "revision": revision_with(heads, () if beside is None else beside.heads),
        "at": told,
        **_versions_json(datastore.versions(identifier)),
    }


# Operations

_READ_AT_ONCE = 500
# Entries of one record hold what was written, which may be large.
_RECORDS_READ_AT_ONCE = 50
_OPERATIONS = (
    Column("OPERATION", 12, spare=4),
    Column("WRITTEN", 7, right=True),
    Column("ARRIVED", 7, right=True),
    Column("FROM", 10, spare=2),
    Column("DID", 12),
    Column("KIND", 5, spare=5),
    Column("NAME", 16, grows=True),
    Column("VERSION", 9, spare=3),
    Column("BY", 12, spare=1),
    Column("ID", 12),
)
_HISTORY = (
    Column("OPERATION", 12),
    Column("CLOCK", 5, right=True, spare=2),
    Column("DID", 12),
    Column("NOW", 7),
    Column("WRITTEN", 23),
    Column("ARRIVED", 7, right=True),
    Column("FROM", 6, grows=True, most=20),
    Column("AFTER", 25, spare=3),
)


def _list_operations(datastore: Datastore, args: Namespace) -> None:
    found = _recent(datastore, mine=args.mine, limit=OPERATIONS_SHOWN if args.limit is None else args.limit)
    title = f"operations of {'this key' if args.mine else 'this replica'}, {_ORDER}"
    if not _print_operations(datastore, found, title, as_json=args.json) and not args.json:
        note("this replica's key has signed nothing yet" if args.mine else "this replica has no operations yet")


def _list_elsewhere(datastore: Datastore, args: Namespace) -> None:
    """What this replica's key signed and this replica did not write, and what can be done about it."""
    from tui_registry.present import elsewhere

    places = datastore.elsewhere.places()
    restored = datastore.mark.restored()
    if args.acknowledge:
        count = datastore.elsewhere.acknowledge()
        if restored is not None:
            datastore.mark.forget()
        if args.json:
            out_json({"acknowledged": count})
        else:
            told = [plural(count, "operation")] if count or restored is None else []
            told += ["that this replica is an older copy"] if restored is not None else []
            out(f"{' and '.join(told)} will not be told again")
        return
    limit = (OPERATIONS_SHOWN if args.limit is None else args.limit) or len(places)
    shown = (op for chunk in _parts(places[:limit]) for op in datastore.log.operations_at(chunk))
    title = f"{elsewhere.operations(len(places))}, {_ORDER}"
    _print_operations(datastore, shown, title, as_json=args.json)
    if args.json:
        return
    if restored is not None:
        what = elsewhere.PUT_BACK if places else elsewhere.what_was_restored(restored)
        note(f"{what}. 'tui-registry sync' brings back what is missing from who has it")
    if not places and restored is None:
        note("this replica wrote all that its key has signed, or you said that the rest is yours")
    if not places:
        if restored is not None:
            note("you go on with it as it is? 'tui-registry history --elsewhere --acknowledge' says so")
        return
    if limit < len(places):
        note(f"{exact(limit)} of {exact(len(places))} shown: --limit 0 lists all")
    for record in datastore.elsewhere.touched():
        out(elsewhere.touched(record))
    if datastore.stats().conflicts:
        from tui_registry.present.settling import WHERE_CONFLICTS_ARE

        note(f"{WHERE_CONFLICTS_ARE}: 'resolve ID' settles one")
    for meaning in elsewhere.MEANINGS:
        note(f"{meaning.title}. {meaning.then}")
    note("they are yours? 'tui-registry history --elsewhere --acknowledge' says so. 'tui-registry help trust' has more")


def _parts(places: Sequence[int]) -> Iterator[Sequence[int]]:
    return (places[start : start + _READ_AT_ONCE] for start in range(0, len(places), _READ_AT_ONCE))


def _print_operations(datastore: Datastore, found: Iterable[Operation], title: str, *, as_json: bool) -> int:
    """A line for each; gives how many there were."""
    from tui_registry.present.deeds import by_whom, deed

    table = Table(_OPERATIONS, terminal_width())
    names = datastore.names.all()
    now, shown = int(time.time()), 0
    for op in found:
        shown += 1
        if as_json:
            more: dict[str, Json] = {"of": op.of, "did": op.did, "name": op.name, "version": op.version}
            out_json(_operation_json(op.kind, op.id, op, names) | more)
            continue
        if shown == 1:
            out(title)
            out(table.header())
        by = by_whom(op.actor, op.mine, names)
        came = (age(now - op.updated_at), *_arrival(op, now))
        told = (deed(op), op.kind, op.name, op.version, by, op.id[:12])
        out(table.line((op.hash[:12], *came, *told)))
    return shown


def _list_history(datastore: Registry, args: Namespace) -> None:
    kind, identifier = datastore.find(args.id, deleted=True)
    columns: Sequence[Column] = _HISTORY
    untold: dict[str, Json] = {}
    entries: Iterator[_Done]
    names = names_in(datastore) if isinstance(datastore, Datastore) else {}
    if isinstance(datastore, Datastore):
        found = _of_record(datastore, kind, identifier, args.limit or 0)
        entries = islice(found, args.limit) if args.limit else found
    else:
        entries = _of_record_there(datastore, kind, identifier, args.limit or None)
        # What a node does not tell of an operation.
        columns = tuple(column for column in _HISTORY if column.title not in ("CLOCK", "FROM"))
        untold = dict.fromkeys(("clock", "index"))
    if args.json:
        for done in entries:
            told = _operation_json(kind, identifier, done.entry, names) | untold
            more: dict[str, Json] = {"of": done.of, "record": done.entry.record, "did": done.entry.did}
            out_json(told | more | {"changed": [*_changed(done)]})
        return
    from tui_registry.present.owners import owner_cell

    # All operations of a record are its owner's.
    some = [*islice(entries, 1)]
    own, names = own_key_in(datastore), names_in(datastore)
    actors = [done.entry.actor for done in some]
    whose = [", yours" if actor == own else f" of {owner_cell(actor, mine=False, names=names)}" for actor in actors]
    out(f"{kind} {identifier}{''.join(whose)}")
    out(f"its operations, {_ORDER}")
    _print_history(chain(some, entries), columns, terminal_width())


def _print_history(entries: Iterator[_Done], columns: Sequence[Column], width: int) -> None:
    from tui_registry.present.deeds import standing
    from tui_registry.present.manifest_rows import changed_manifest_rows
    from tui_registry.present.version_words import change_lines

    table = Table(columns, width)
    now = int(time.time())
    out(table.header())
    for of, entry in entries:
        after = ", ".join(child[:12] for child in entry.children) or "-"
        arrived, source = _arrival(entry, now)
        cells = {
            "OPERATION": entry.hash[:12],
            "CLOCK": str(entry.clock),
            "DID": entry.did,
            "NOW": standing(entry),
            "WRITTEN": moment_utc(entry.updated_at),
            "ARRIVED": arrived,
            "FROM": source,
            "AFTER": after,
        }
        out(table.line([cells[column.title] for column in columns]))
        if of == "manifest":
            rows = changed_manifest_rows(entry.before, entry.record)
            told = (f"{was.plain}: {safe_text(was.text, _CHANGE)} → {safe_text(to.text, _CHANGE)}" for was, to in rows)
            changes = [f"the manifest{'' if not rows else ', '}{'; '.join(told)}"]
        else:
            changes = change_lines(entry.before, entry.record, _CHANGE, 1)
        if changes:
            out(fitted(f"  {'; '.join(changes)}", width))


# The order of both lists: what came last may have been written long before.
_ORDER = "the last arrived first"
# So much of a value is shown in a list.
_CHANGE = 40


def _arrival(op: Operation | HistoryEntry, now: int) -> tuple[str, str]:
    """How long ago it arrived, and from whom; it was written here where there is no source."""
    if op.arrived_at is None:
        return "-", "before 0.2"
    return age(now - op.arrived_at), op.source or "here"


def _changed(done: _Done) -> Iterator[str]:
    """The fields that an operation changed."""
    from tui_registry.present.manifest_rows import changed_manifest_rows
    from tui_registry.records.merging import differing

    entry = done.entry
    if done.of == "manifest":
        yield from (now.path for _, now in changed_manifest_rows(entry.before, entry.record))
    elif entry.before is not None and entry.record is not None:
        yield from (found.path for found in differing(None, [entry.before, entry.record]))


def _recent(datastore: Datastore, *, mine: bool, limit: int) -> Iterator[Operation]:
    def read(most: int, before: int | None) -> Sequence[Operation]:
        return datastore.log.operations(mine=mine, limit=most, before=before).rows

    return _windows(read, limit, _READ_AT_ONCE)


class _Done(NamedTuple):
    """An operation on a record or its manifest, and which of them it wrote."""

    of: OpKind
    entry: HistoryEntry


def _of_record(datastore: Datastore, kind: Kind, identifier: str, limit: int) -> Iterator[_Done]:
    """The operations on a record and its manifest, the last arrived first; `limit` of each, 0 for all."""
    from heapq import merge

    def on_record(most: int, before: int | None) -> Sequence[HistoryEntry]:
        return datastore.history(identifier, limit=most, before=before)

    def on_manifest(most: int, before: int | None) -> Sequence[HistoryEntry]:
        return datastore.manifests.history(identifier, limit=most, before=before)

    records = (_Done(kind, entry) for entry in _windows(on_record, limit, _RECORDS_READ_AT_ONCE))
    manifests = (_Done("manifest", entry) for entry in _windows(on_manifest, limit, _RECORDS_READ_AT_ONCE))
    return merge(records, manifests, key=lambda done: done.entry.place, reverse=True)


def _of_record_there(node: Remote, kind: Kind, identifier: str, limit: int | None) -> Iterator[_Done]:
    """The same of a node's record: it says when each arrived, and no place in its log."""
    from heapq import merge

    records = (_Done(kind, entry) for entry in node.history(identifier, limit=limit))
    manifests = (_Done("manifest", entry) for entry in node.manifests.history(identifier, limit=limit))

    def when(done: _Done) -> tuple[int, bool]:
        return done.entry.arrived_at or 0, done.of == "manifest"  # in one transaction the record comes first

    return islice(merge(records, manifests, key=when, reverse=True), limit)


def _windows(read: Callable[[int, int | None], Sequence[_Op]], limit: int, at_once: int) -> Iterator[_Op]:
    """Up to `limit` operations, 0 for all, read window by window from the end of the log."""
    before, left = None, limit or None
    while left is None or left > 0:
        rows = read(at_once if left is None else min(left, at_once), before)
        if not rows:
            return
        yield from rows
        before, left = rows[-1].place, None if left is None else left - len(rows)


def _operation_json(
    kind: Kind, identifier: str, op: Operation | HistoryEntry, names: Mapping[str, str]
) -> dict[str, Json]:
    return {
        "kind": kind,
        "id": identifier,
        "hash": op.hash,
        "actor": op.actor,
        "petname": names.get(op.actor),
        "clock": op.clock,
        "updated_at": op.updated_at,
        "arrived_at": op.arrived_at,
        "source": op.source,
        "deletes": op.did == "deleted",
        "head": op.is_head,
        "current": op.is_winner,
        "children": list(op.children),
        "index": op.place,
    }


# What was refused

_REFUSED = (
    Column("FROM", 20),
    Column("WHEN", 7, right=True),
    Column("CODE", 11),
    Column("SIZE", 8, right=True, spare=1),
    Column("BEGINS", 20, grows=True),
)


def _print_refused(refused: list[Quarantined]) -> None:
    table = Table(_REFUSED, terminal_width())
    now = int(time.time())
    out(table.header())
    for found in refused:
        when = age(now - found.received_at)
        out(table.line((found.source or "-", when, found.code, size_bytes(found.size), _start(found))))
        out(f"  {safe_text(found.sentence)}")


def _refused_json(found: Quarantined) -> dict[str, Json]:
    return {
        "source": found.source,
        "received_at": found.received_at,
        "code": found.code,
        "sentence": found.sentence,
        "size": found.size,
        "start": _start(found),
    }


def _start(found: Quarantined) -> str:
    return found.start.decode(errors="backslashreplace")


# Side by side


def compare_records(args: Namespace) -> int:
    """Show records in columns."""
    from tui_registry.present.compare import compare, how_many, in_words, models_named, names_in, text_lines, to_json

    wrong = how_many(len(args.ids))
    if wrong:
        raise UsageError(wrong)
    with open_registry(args) as datastore:
        entries = {entry.id: entry for entry in (find(datastore, prefix) for prefix in args.ids)}
        behind = datastore.manifests.of(entries)
        models = names_in(datastore.bodies(models_named(entries.values(), behind)))
    if len(entries) < len(args.ids):
        raise UsageError("a record can be compared with others only: two of the ids are of the same one")
    comparison = compare(list(entries.values()), int(time.time()), behind=behind, models=models)
    if args.json:
        out_json(to_json(comparison, args.differing))
        return 0
    for line in text_lines(comparison, args.differing, terminal_width(), cell_width):
        out(line)
    if not comparison.shown(only_differing=True):
        note(in_words(comparison))
    for head in comparison.heads:
        for warning in head.warnings:
            out(f"! {head.name}: {warning}")
    return 0
