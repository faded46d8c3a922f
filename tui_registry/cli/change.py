"""One change to several records: `change`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tui_registry.cli.output import UsageError, confirm, note, out, out_json
from tui_registry.cli.registry import find, open_to_write, query_explained
from tui_registry.datastore import StoreError
from tui_registry.errors import Json, RegistryError
from tui_registry.present import several
from tui_registry.present.links import affected_line
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, RecordChange
    from tui_registry.errors import Kind


def change(args: Namespace) -> int:
    """Give records of this key's tags and a licence, after asking."""
    edit = _edit(args)
    with open_to_write(args) as datastore:
        asked = list(dict.fromkeys(_asked(datastore, args.ids, args.search)))
        bodies = datastore.bodies([identifier for _, identifier, _ in asked])
        planned = several.plan(edit, asked, bodies, datastore.address, datastore.check)
        if args.dry_run:
            would = [*zip(planned.changes, planned.names, strict=True)]
            _tell(planned, would, (), None, as_json=args.json, is_done=False)
            return int(planned.is_refused and not args.search)
        if planned.changes and not args.yes:
            for line in several.details(planned, "'undo --batch last' takes all of it back"):
                note(line)
            confirm(several.question(planned), "change them", "nothing was changed")
        together = planned.together()
        done: list[tuple[RecordChange, str]] = []
        failed: list[several.Left] = []
        halt: StoreError | KeyboardInterrupt | None = None
        if edit.licence is not None:
            _say_affected(datastore, planned)
        outcomes = datastore.change_all(planned.changes, together=together)
        try:
            for one, name, outcome in zip(planned.changes, planned.names, outcomes, strict=True):
                if not isinstance(outcome, RegistryError):
                    done.append((one, name))
                elif one.kind != "manifest":
                    failed.append(several.Left(one.kind, one.id, name, outcome.sentence))
        except (StoreError, KeyboardInterrupt) as error:
            halt = error
    if halt is None or done:
        _tell(planned, done, failed, together.number, as_json=args.json, is_done=True)
    if halt is not None:
        raise halt  # after what is written, and how it is taken back
    # What a search finds of others was never meant to be changed; what is named was
    return int(bool(failed) or (planned.is_refused and not args.search))


# How


def _edit(args: Namespace) -> several.Edit:
    """What the line asks for.

    Raises:
        UsageError: nothing, or it contradicts itself.
    """
    if args.ids and args.search is not None:
        raise UsageError("name the records by their ids or by --search, not by both")
    if not args.ids and args.search is None:
        raise UsageError("which records? Give their ids, or --search QUERY for all of yours that it finds")
    tags, without = tuple(dict.fromkeys(args.tag or ())), tuple(dict.fromkeys(args.untag or ()))
    both = next((tag for tag in tags if tag in without), None)
    if both is not None:
        raise UsageError(f"--tag and --untag both name {safe_text(both, 40)}")
    if not tags and not without and args.license is None:
        raise UsageError("say what to change: --tag, --untag or --license")
    return several.Edit(tags, without, args.license)


def _asked(datastore: Datastore, ids: list[str], query: str | None) -> Iterator[tuple[Kind, str, str]]:
    """Kind, id and name of each record that the line names.

    Raises:
        StoreError: there is no such record.
        UsageError: a search finds too many.
    """
    for identifier in ids:
        entry = find(datastore, identifier, own=True)
        yield entry.kind, entry.id, str(entry.record["name"])
    if query is None:
        return
    cursor, count = None, 0
    with query_explained(query):
        while True:
            page = datastore.search(query, limit=_PAGE, cursor=cursor, whole=True, strict=True, counted=False)
            count += len(page.rows)
            if count > several.MOST:
                raise UsageError(f"{several.TOO_MANY}, such as by is:mine")
            yield from ((row.kind, row.id, row.name) for row in page.rows)
            cursor = page.next
            if cursor is None:
                return


_PAGE = 1_000
_MOST_TOLD = 20


def _say_affected(datastore: Datastore, planned: several.Plan) -> None:
    """Say who names records that get another licence, of the first of them."""
    for one, name in list(zip(planned.changes, planned.names, strict=True))[:_MOST_TOLD]:
        line = affected_line(datastore.links.affected(one.id))
        if line:
            note(f"{safe_text(name, 60)}: {line}")


def _tell(
    planned: several.Plan,
    changed: Sequence[tuple[RecordChange, str]],
    failed: Sequence[several.Left],
    batch: int | None,
    *,
    as_json: bool,
    is_done: bool,
) -> None:
    if as_json:
        ids: list[Json] = [one.id for one, _ in changed]
        left: list[Json] = [
            {"kind": one.kind, "id": one.id, "name": one.name, "why": one.why} for one in (*planned.left, *failed)
        ]
        out_json({"changed": ids, "left": left, "batch": batch, "written": is_done and bool(changed)})
        return
    for one, name in changed:
        out(f"{'changed' if is_done else 'would change'} {one.kind} {safe_text(name)}, id {one.id}")
    for line in several.left_lines(planned):
        note(line)
    for each in failed:
        note(f"{safe_text(each.name, 60)}: {each.why}")
    if batch is not None and changed:
        note(f"'undo --batch {batch}' takes it back")
    if not changed and not planned.left and not failed:
        note("no record of yours is found: nothing was changed")
