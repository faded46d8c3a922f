"""`import`: findings are checked, registered in few transactions, and printed one by one, in their order."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tui_registry.cli.output import (
    Column,
    FileError,
    Table,
    note,
    out,
    out_json,
    problem_json,
    problem_line,
    terminal_width,
)
from tui_registry.cli.registry import open_registry
from tui_registry.cli.write import key_explained, with_settings
from tui_registry.datastore import Datastore
from tui_registry.errors import InvalidRecord, Json, Kind, Problem, Record, RegistryError
from tui_registry.importers import read_source
from tui_registry.importers.found import Finding, Found, Operations, Skipped
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.text import exact, safe_text


def import_drafts(args: Namespace) -> int:
    """Show the drafts, or register them."""
    source: str = args.source
    with open_registry(args) as datastore, key_explained(datastore):
        work = _Import(datastore, register=args.register, settings=args.set, as_json=args.json, explain=args.explain)
        for found in read_source(source, args.kind):
            work.take(found)
        work.finish()
    if not work.counts:
        raise FileError(
            f"there are no descriptions in {safe_text(source)}: GGUF, safetensors, model cards, JSON and YAML are read"
        )
    note(work.summary())
    return 1 if work.failed else 0


# How

_AT_ONCE = 500
_COLUMNS = (
    Column("STATUS", 10),
    Column("KIND", 5),
    Column("NAME", 20, grows=True, most=40),
    Column("ID", 12, spare=2),
    Column("SOURCE", 36, spare=1),
)


@dataclass(slots=True)
class _Line:
    """What is printed of one finding.

    Attributes:
        status: `ready`, `registered`, `here` (already), `invalid`, `failed`, `skipped` or, of operations, `stored`.
        origins: where values of a foreign description came from, by the field's path.
        notes: what could not be read in it.
    """

    source: str
    status: str
    kind: Kind | None = None
    record: Record | None = None
    id: str | None = None
    problems: tuple[Problem, ...] = ()
    operations: dict[str, Json] | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class _Import:
    """Takes findings one after the other; `finish` must follow the last."""

    def __init__(
        self,
        datastore: Datastore,
        *,
        register: bool,
        settings: Sequence[tuple[str, str]],
        as_json: bool,
        explain: bool,
    ) -> None:
        """`explain` prints each value with its origin; the only draft of an import is explained in any case."""
        self.counts: Counter[str] = Counter()
        self._datastore = datastore
        self._register = register
        self._settings = list(settings)
        self._as_json = as_json
        self._explain = explain
        self._waiting: list[_Line] = []
        self._table = Table(_COLUMNS, terminal_width())
        self._titled = as_json

    @property
    def failed(self) -> bool:
        """Whether anything was wrong with what was found."""
        return bool(self.counts["invalid"] or self.counts["failed"])

    def take(self, found: Found) -> None:
        """Check a finding. It is registered and printed with the next batch."""
        match found:
            case Skipped():
                problem = Problem("", "warning", "skipped", found.sentence)
                self._waiting.append(_Line(found.source, "skipped", problems=(problem,)))
            case Operations():
                self.finish()
                self._waiting.append(self._take_operations(found))
            case Finding():
                self._waiting.append(self._judge(found))
        if len(self._waiting) >= _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Register and print what was taken since the last batch."""
        lines, self._waiting = self._waiting, []
        if self._register:
            self._register_all([line for line in lines if line.status == "ready" and line.record is not None])
        alone = len(lines) == 1 and not self.counts
        for line in lines:
            self.counts[line.status] += 1
            self._tell(line, explained=self._explain or alone)

    def summary(self) -> str:
        """The last line, for people."""
        words = {"here": "here already"}
        said = ", ".join(f"{exact(count)} {words.get(status, status)}" for status, count in self.counts.items())
        return said if self._register or not self.counts["ready"] else f"{said}: --register registers what is ready"

    def _judge(self, finding: Finding) -> _Line:
        kind, record = finding.kind, finding.record
        line = _Line(finding.source, "invalid", kind, record, problems=finding.problems)
        line.origins, line.notes = finding.origins, finding.notes
        if kind is None or record is None:
            return line
        if self._settings:
            try:
                line.record = record = with_settings(kind, record, self._settings)
                if line.origins:
                    line.origins = {**line.origins, **{path: "--set" for path, _ in self._settings}}
            except InvalidRecord as error:
                line.problems = error.problems
                return line
        identifier = str(record[ID_FIELD[kind]])
        if identifier != NULL_HASH and self._datastore.entry(identifier, kind) is not None:
            line.status, line.id = "here", identifier
            return line
        line.problems = tuple(self._datastore.check(kind, record))
        if not any(problem.severity == "error" for problem in line.problems):
            line.status = "ready"
        return line

    def _register_all(self, lines: Sequence[_Line]) -> None:
        drafts = [(line.kind, line.record) for line in lines if line.kind is not None and line.record is not None]
        for line, outcome in zip(lines, self._datastore.add_all(drafts), strict=True):
            if isinstance(outcome, RegistryError):
                _fail(line, outcome)
            else:
                line.status, line.id = "registered", outcome.key

    def _take_operations(self, found: Operations) -> _Line:
        line = _Line(str(found.path), "ready")
        if not self._register:
            line.operations = {"operations": sum(1 for _ in found.lines())}
            return line
        report = self._datastore.apply(found.lines(), source="file")
        line.status = "failed" if report.rejected else "stored"
        line.operations = {
            "operations": report.total,
            "applied": report.applied,
            "known": report.known,
            "pending": report.pending,
            "unsupported": report.unsupported,
            "rejected": len(report.rejected),
        }
        line.problems = tuple(
            Problem(f"operation {rejection.place + 1}", "error", rejection.code, rejection.sentence)
            for rejection in report.rejected[:20]
        )
        return line

    def _tell(self, line: _Line, *, explained: bool) -> None:
        if self._as_json:
            name = None if line.record is None else line.record["name"]
            out_json(
                {
                    "source": line.source,
                    "status": line.status,
                    "kind": line.kind,
                    "name": name,
                    "id": line.id,
                    "problems": [problem_json(problem) for problem in line.problems],
                    "notes": list(line.notes),
                    "origins": dict(line.origins),
                    "record": line.record,
                    **(line.operations or {}),
                }
            )
            return
        if not self._titled:
            self._titled = True
            out(self._table.header())
        name = "" if line.record is None else str(line.record["name"])
        if line.operations is not None:
            name = ", ".join(f"{exact(n)} {word}" for word, n in line.operations.items() if isinstance(n, int) and n)
        out(self._table.line((line.status, line.kind or "", name, (line.id or "")[:12], line.source)))
        for problem in line.problems:
            out(f"  {problem_line(problem)}")
        for remark in line.notes:
            out(f"  note: {safe_text(remark)}")
        if explained and line.record is not None:
            for path, origin in line.origins.items():
                out(f"  {path}: {_shown(line.record, path)}  <- {safe_text(origin)}")


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
    return safe_text(str(value), 80)


def _fail(line: _Line, error: RegistryError) -> None:
    line.status = "here" if error.code == "already_registered" else "failed"
    line.problems = (Problem("", "error", error.code, safe_text(error.sentence)),)
