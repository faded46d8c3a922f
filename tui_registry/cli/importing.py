"""`import`, `apply` and `publish`: findings are compared with what is here, signed in few transactions, and printed one
by one, in order."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from tempfile import NamedTemporaryFile

from tui_registry.cli.exchange import nodes_named
from tui_registry.cli.output import (
    CALM_SECONDS,
    Column,
    FileError,
    StatusLine,
    Table,
    UsageError,
    cell_width,
    error_json,
    how_far,
    note,
    out,
    out_json,
    problem_line,
    progress_bar,
    terminal_width,
)
from tui_registry.cli.registry import STDIN, open_registry, open_to_write, shown_name, tell_elsewhere, token_in
from tui_registry.cli.write import key_explained, with_settings
from tui_registry.datastore import Affected, Datastore, ImportRun, StoreError
from tui_registry.errors import ABSENT, InvalidRecord, Json, Kind, Problem, Record
from tui_registry.importers import CutShortError, is_address, place_of, read_source
from tui_registry.importers.formats import FILES
from tui_registry.importers.others import FORMAT
from tui_registry.present.imports import (
    LICENCE_ASSUMED,
    Candidate,
    Finding,
    Found,
    ImportOutcome,
    Operations,
    OperationsTaken,
    Skipped,
    Untold,
    change_lines_behind,
    describe,
    judged,
    passed_over,
    taken,
    undigested,
)
from tui_registry.present.links import RELIED_ON_PATHS, affected_json, affected_line
from tui_registry.present.pulls import Delivery
from tui_registry.present.settling import WHERE_CONFLICTS_ARE
from tui_registry.present.version_words import change_lines
from tui_registry.text import ELLIPSIS, exact, plural, safe_text


def import_drafts(args: Namespace) -> int:
    """Show the drafts, or register them."""
    source: str = args.source
    _refuse_hash(args)
    with (
        (open_to_write if args.register or args.update else open_registry)(args) as datastore,
        key_explained(datastore),
    ):
        work = _Import(
            datastore,
            source,
            register=args.register,
            update=args.update,
            settings=args.set,
            as_json=args.json,
            explain=args.explain,
            hashes=args.hash,
        )
        progress, cut_short = StatusLine(), None
        try:
            try:
                for found in read_source(source, args.kind, after=args.after, tell=progress.show):
                    progress.clear()
                    work.take(found)
            except CutShortError as error:
                cut_short = error  # what came before it is as good as ever
            finally:
                progress.clear()
            work.finish()
        except StoreError as error:
            raise error.after(work.signed) from error
        if work.elsewhere:
            tell_elsewhere(datastore, work.elsewhere, in_full=not args.json)
    if cut_short is not None and not work.outcome.counts:
        raise cut_short
    if not work.outcome.counts:
        raise FileError(f"there are no descriptions in {safe_text(source)}: {FILES} are read")
    note(work.summary())
    if work.unread and not args.hash and not is_address(source):
        note(f"{plural(work.unread, 'file')} without SHA-256 in manifests: --hash reads them for it")
    if work.conflicts:
        note(WHERE_CONFLICTS_ARE)
    if work.signed > 1:
        note(f"to take it back: tui-registry undo --batch {work.run.together.number}")
    if cut_short is not None:
        raise cut_short
    return 1 if work.outcome.failed(registering=args.register, updating=args.update) else 0


def apply(args: Namespace) -> int:
    """Make records what a file says they are, or tell what that would change."""
    source: str = args.file
    if is_address(source):
        raise UsageError(f"apply reads files: 'import {safe_text(source, 200)} --update' signs what changed there")
    dry: bool = args.dry_run
    with (open_registry if dry else open_to_write)(args) as datastore, key_explained(datastore):
        work = _Import(
            datastore,
            source,
            register=not dry,
            update=not dry,
            settings=(),
            as_json=args.json,
            explain=False,
            wins=True,
        )
        try:
            for found in _found_in(source, args.kind):
                work.take(found)
            work.finish()
        except StoreError as error:
            raise error.after(work.signed) from error
    counts = work.outcome.counts
    if not counts:
        raise FileError(f"there are no descriptions in {shown_name(source)}: 'help apply' shows what one looks like")
    said = work.summary()
    if dry and counts["ready"] + counts["changed"]:
        said += ": without --dry-run this is signed"
    elif set(counts) <= {"here", "skipped"}:
        said = f"nothing to do: {said}"
    note(said)
    if work.signed > 1:
        note(f"to take it back: tui-registry undo --batch {work.run.together.number}")
    # What stays as it is is not what the file says.
    return 1 if work.outcome.failed(registering=True, updating=True) or counts["kept"] else 0


def publish(args: Namespace) -> int:
    """Sign what is new or changed, hand it to the nodes, and see that they have it."""
    import asyncio

    source: str = args.source
    dry: bool = args.dry_run
    _refuse_hash(args)
    with (open_registry if dry else open_to_write)(args) as datastore, key_explained(datastore):
        nodes = nodes_named(datastore, args.to)
        if args.token_file is not None and len(nodes) > 1:
            raise UsageError("--token-file goes with one node, which alone is shown the token: name it with --to")
        token = None if args.token_file is None else token_in(args.token_file)
        work = _Import(
            datastore,
            source,
            register=False,
            update=not dry,
            settings=args.set,
            as_json=args.json,
            explain=False,
            no_operations=_SIGNED_ALREADY,
            hashes=args.hash,
        )
        cut_short = None
        try:
            try:
                for found in _found_in(source, args.kind):
                    work.take(found)
            except CutShortError as error:
                cut_short = error
            work.finish()
        except StoreError as error:
            raise error.after(work.signed) from error
        counts = work.outcome.counts
        if not counts and cut_short is None:
            raise FileError(f"there are no descriptions in {shown_name(source)}: {FILES} are read")
        said = work.summary() if counts else "nothing was read"
        if dry and counts["ready"] + counts["changed"]:
            # Not `import`'s way to go on: here is no --register and no --update
            said = f"{work.outcome.counted()}: without --dry-run this is signed and offered"
        note(said)
        if work.otherwise:
            one = "1 record stays" if work.otherwise == 1 else f"{exact(work.otherwise)} records stay"
            how = "" if is_address(source) else f": 'tui-registry apply {shown_name(source)}' takes what it says"
            note(f"{one} as edited here, and not as {shown_name(source)} says{how}")
        if work.signed > 1:
            note(f"to take it back: tui-registry undo --batch {work.run.together.number}")
        given = asyncio.run(_given(datastore, nodes, [*dict.fromkeys(work.ids)], token, args.timeout, dry_run=dry))
    for delivery in given:
        _tell_delivery(delivery, counts["ready"] + counts["changed"] if dry else 0, dry_run=dry, as_json=args.json)
    if cut_short is not None:
        raise cut_short
    # As `apply` ends: what stays as it is is not what the source says.
    failed = work.outcome.failed(registering=True, updating=True) or work.otherwise > 0
    undone = any(found.error is not None if dry else not found.ok for found in given)
    return 1 if failed or undone else 0


# How


def _refuse_hash(args: Namespace) -> None:
    if args.hash and is_address(args.source):
        raise UsageError("--hash reads files on this machine: of what lies at an address, the digests told there count")


_AT_ONCE = 500
# What is here, as it was found or as it stays for another reason; what was deleted is not.
_HERE = frozenset({"registered", "here", "changed", "updated", "kept"})
_FRESH = frozenset({"ready", "registered", "changed", "updated"})
_SIGNED_ALREADY = Problem(
    "", "error", FORMAT, "holds signed operations: 'import --register' stores them, and 'sync --push' offers them"
)
_NOT_OURS = Problem(
    "", "error", FORMAT, "is no record in YAML or JSON, which says how it is to be: 'import --update' reads it"
)
# A list of thousands is summed up after so many lines, and files that are passed over earlier.
_MOST_LINES, _MOST_SKIPPED = 100, 20
_WIDE = 80


def _columns(width: int) -> tuple[Column, ...]:
    """The source stays at any width: it says which file a line is about."""
    return (
        Column("STATUS", 10, told=True),
        Column("KIND", 5, spare=1),
        Column("NAME", 20, grows=True, most=40),
        Column("ID", 12, spare=2),
        Column("SOURCE", 36 if width >= _WIDE else 24),
    )


def _found_in(source: str, kind: Kind | None) -> Iterator[Found]:
    """What a file, a folder, or stdin for `-`, holds."""
    if source != STDIN:
        yield from read_source(source, kind)
        return
    # What it is, its content tells, to those who read files.
    with NamedTemporaryFile(prefix="tui-registry-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        for found in read_source(file.name, kind):
            if isinstance(found, Finding):
                yield replace(found, source=found.source.replace(file.name, "stdin"), place="").without_files()
            else:
                yield found


async def _given(
    datastore: Datastore,
    nodes: Sequence[str],
    identifiers: Sequence[str],
    token: str | None,
    seconds: float | None,
    *,
    dry_run: bool,
) -> list[Delivery]:
    """What became of the records at each node; all are asked at once."""
    import asyncio

    from tui_registry.settings import load_settings
    from tui_registry.sync import bounds_of, deliver

    bounds = bounds_of(load_settings())
    if seconds is not None:
        bounds = replace(bounds, pull_seconds=seconds)
    each = (deliver(datastore, name, identifiers, bounds=bounds, token=token, dry_run=dry_run) for name in nodes)
    return await asyncio.gather(*each)


def _tell_delivery(found: Delivery, unsigned: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        told: dict[str, Json] = {"published_to": found.peer, "ok": found.ok, "dry_run": dry_run}
        told |= {"records": found.records, "offered": found.offered, **found.counts(), "missing": [*found.missing]}
        out_json({**told, **({"error": None} if found.error is None else error_json(found.error))})
    if found.error is not None or not (found.ok or dry_run):
        note(safe_text(found.sentence))
    elif dry_run and not as_json:
        out(f"{found.peer}: would get {plural(len(found.missing) + unsigned, 'record')}")
    elif not as_json:
        out(safe_text(found.sentence))


class _Import:
    """Takes findings one after the other; `finish` must follow the last."""

    def __init__(
        self,
        datastore: Datastore,
        source: str,
        *,
        register: bool,
        update: bool,
        settings: Sequence[tuple[str, str]],
        as_json: bool,
        explain: bool,
        wins: bool = False,
        no_operations: Problem | None = None,
        hashes: bool = False,
    ) -> None:
        """
        Args:
            explain: print each value with its origin; the only draft of an import is explained in any case.
            wins: what is stated is how it is to be, whatever was edited here, and what was deleted here comes back.
                Only our own descriptions may say so.
            no_operations: why signed operations are not taken; None where they are.
            hashes: read the files that manifests name, for their SHA-256.
        """
        self.outcome = ImportOutcome()
        self.conflicts = self.elsewhere = 0
        self.otherwise = 0  # records that stay otherwise than their descriptions say, in some field at least
        place = "" if source == STDIN else place_of(source)
        self.run = ImportRun(place, f"{'apply' if wins else 'import'} of {shown_name(source)}")
        self.ids: list[str] = []  # of the records that are here, as they were found
        self._wins = wins
        self._hashes = hashes
        self.unread = 0  # files without a digest, of what is not here as it is
        self._no_operations = _NOT_OURS if wins else no_operations
        self._datastore = datastore
        self._register = register
        self._update = update
        self._settings = list(settings)
        self._as_json = as_json
        self._explain = explain
        self._waiting: list[Candidate] = []
        self._source = source.strip()
        self._columns = _columns(terminal_width())
        self._table = Table(self._columns, terminal_width())
        self._lines = self._skipped = self._read = 0
        self._count = StatusLine(CALM_SECONDS)
        self._untold = Untold()
        self._titled = as_json

    def take(self, found: Found) -> None:
        """Check a finding. It is registered and printed with the next batch."""
        self._read += 1
        # How many there are nobody knows before the last.
        self._count.show(how_far("read", self._read, 0, None))
        match found:
            case Skipped():
                self._waiting.append(passed_over(found))
            case Operations() if self._no_operations is not None:
                self._waiting.append(judged(Finding(str(found.path), None, None, (self._no_operations,))))
            case Operations():
                self.finish()
                self._waiting.append(self._take_operations(found))
            case Finding():
                self._waiting.append(self._judge(self._hashed(found) if self._hashes else found))
        if len(self._waiting) >= _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Compare what was taken since the last batch with what is here, sign what is to be signed, and print it."""
        self._count.clear()
        found, self._waiting = self._waiting, []
        entries = [(one, one.described) for one in found if one.described is not None]
        described = [entry for _, entry in entries]
        if self._register or self._update:
            taken = self._datastore.take_in(described, self.run, register=self._register, update=self._update)
            for (one, _), outcome in zip(entries, taken, strict=True):
                one.end_in(outcome)
        else:
            for (one, _), comparison in zip(entries, self._datastore.imports.compare(self.run, described), strict=True):
                one.compared(comparison)
                if self._wins and one.status == "deleted":
                    # Not what helps an import: it comes back by itself
                    one.problems = tuple(problem for problem in one.problems if problem.code != "deleted")
                    one.notes = (*one.notes, "it was deleted here, and comes back")
                    one.status = "invalid" if one.errors else "ready"
        alone = len(found) == 1 and not self.outcome.counts and not self._wins
        for one in found:
            self.outcome.add(one)
            self.otherwise += one.status == "kept" or bool(one.edited)
            if one.id is not None and one.status in _HERE:
                self.ids.append(one.id)
            if one.status in _FRESH and isinstance(one.manifest, dict):
                self.unread += undigested(one.manifest)
            self._tell(one, explained=self._explain or alone)

    @property
    def signed(self) -> int:
        """How many records were registered or changed."""
        return self.outcome.counts["registered"] + self.outcome.counts["updated"]

    def summary(self) -> str:
        """What was not told line by line, and the last line, for people."""
        for said in self._untold.lines():
            out(said)
        return (
            self.outcome.counted() if self._wins else self.outcome.summary(registering=self._register or self._update)
        )

    def _hashed(self, finding: Finding) -> Finding:
        """The finding with the digests of its files; ctrl+c ends it, as everything."""
        from tui_registry.importers.digests import with_digests

        if not finding.files:
            return finding
        self._count.clear()
        with progress_bar(f"SHA-256 of {plural(len(finding.files), 'file')} of {_called(finding)}, MB") as show:
            return with_digests(finding, lambda done, of: show(done // _MB, of // _MB))

    def _judge(self, finding: Finding) -> Candidate:
        """A finding with what the line sets, and as the replica is to be asked about it."""
        kind, record = finding.kind, finding.record
        if kind is None or record is None:
            return judged(finding)
        if self._wins and finding.stated is None:
            return judged(replace(finding, record=None, problems=(_NOT_OURS,)))
        chosen = {path for path, _ in self._settings}
        if self._settings:
            try:
                record = with_settings(kind, record, self._settings)
            except InvalidRecord as error:
                return judged(finding, error.problems)
        finding = finding.settled(chosen)
        stated = (finding.stated or ()) if self._wins else chosen
        described = describe(finding, self.run, record, stated, manifest_wins=self._wins)
        set_here = dict.fromkeys(chosen, "--set") if finding.origins else {}
        notes = [one for one in finding.notes if one != LICENCE_ASSUMED or "license" not in chosen]
        candidate = judged(replace(finding, record=record, origins={**finding.origins, **set_here}, notes=tuple(notes)))
        candidate.described = described
        return candidate

    def _take_operations(self, found: Operations) -> Candidate:
        if self._register or self._update:
            report = self._datastore.apply(found.lines(), source="file")
            self.conflicts += report.conflicts
            self.elsewhere += report.elsewhere
            return taken(found, report)
        return Candidate(str(found.path), "ready", operations=OperationsTaken(sum(1 for _ in found.lines())))

    def _place(self, source: str) -> str:
        """Where something stands, without what is the same for all."""
        root = self._source.rstrip("/")
        if source.startswith(f"{root}/"):
            return source[len(root) + 1 :]
        return PurePath(root).name + source[len(root) :] if root and source.startswith(root) else source

    def _affected(self, line: Candidate) -> Affected | None:
        """Who is affected by what changes; None where nothing does that others rely on."""
        changed = {change.path for change in (*line.changes, *line.manifest_changes)}
        return self._datastore.links.affected(line.id) if line.id is not None and RELIED_ON_PATHS & changed else None

    def _tell(self, line: Candidate, *, explained: bool) -> None:
        affected = self._affected(line)
        if self._as_json:
            name = None if line.record is None else line.record["name"]
            out_json(
                {
                    "source": line.source,
                    "status": line.status,
                    "kind": line.kind,
                    "name": name,
                    "id": line.id,
                    "problems": [problem.to_json() for problem in line.problems],
                    "notes": list(line.notes),
                    "origins": dict(line.origins),
                    "changes": [change._asdict() for change in (*line.changes, *line.manifest_changes)],
                    "record": line.record,
                    **({} if line.manifest is ABSENT else {"manifest": line.manifest}),
                    **({} if affected is None else {"affected": affected_json(affected)}),
                    **line.counts,
                }
            )
            return
        skipped = line.status == "skipped"
        if not explained and (self._skipped >= _MOST_SKIPPED if skipped else self._lines >= _MOST_LINES):
            self._untold.add(line, self._place(line.source))
            return
        self._lines += not skipped
        self._skipped += skipped
        if not self._titled:
            self._titled = True
            out(self._table.header())
        source = last_of(safe_text(self._place(line.source)), self._columns[-1].width)
        out(self._table.line((line.status, line.kind or "", line.label, (line.id or "")[:12], source)))
        for change in change_lines(line.before, line.record) if line.changes else ():
            out(f"  {change}")
        for change in change_lines_behind(line):
            out(f"  manifest: {change}")
        if affected is not None and (who := affected_line(affected)) is not None:
            out(f"  note: {who}")
        for problem in line.problems:
            out(f"  {problem_line(problem)}")
        # What is here as it is described was looked at before
        for remark in line.edited if line.status == "here" and not explained else line.notes:
            out(f"  note: {safe_text(remark)}")
        if explained and line.record is not None:
            for path, origin in line.origins.items():
                out(f"  {path}: {_shown(line.record, path)}  <- {safe_text(origin)}")


_MB = 10**6


def _called(finding: Finding) -> str:
    return safe_text(PurePath(finding.source).name, 40)


def last_of(text: str, width: int) -> str:
    """The end of a text in so many cells: of a path, that is the file."""
    if cell_width(text) <= width:
        return text
    while cell_width(text) > width - 1:
        text = text[1:]
    return f"{ELLIPSIS}{text}"


def _shown(record: Record, path: str) -> str:
    """A value of the draft on one line."""
    value: Json = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return exact(value)
        case list():
            return safe_text(", ".join(str(item) for item in value), 80)
        case {"Other": other}:
            return safe_text(str(other), 80)
        case dict():
            return safe_text(", ".join(f"{name} {of}" for name, of in value.items()), 80)
    return safe_text(str(value), 80)
