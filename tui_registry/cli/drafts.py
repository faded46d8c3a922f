"""From a file named on the line to a draft that can be signed."""

from __future__ import annotations

from tui_registry.cli.registry import read_file
from tui_registry.errors import InvalidRecord, Json, Kind, Problem, Record
from tui_registry.importers.own_documents import read_draft
from tui_registry.present.imports import Finding
from tui_registry.records.as_written import read_record
from tui_registry.records.documents import MAX_DOCUMENT_BYTES, load_document


def read_document(name: str) -> tuple[Json, str]:
    """The value in a JSON or YAML file or on stdin, and what the file is called in messages.

    Raises:
        FileError: it cannot be read. DocumentError: it is neither JSON nor YAML.
    """
    shown = "stdin" if name == "-" else name
    return load_document(read_file(name, MAX_DOCUMENT_BYTES), shown), shown


def draft_of(finding: Finding) -> tuple[Kind, Record]:
    """The draft.

    Raises:
        InvalidRecord: there is none; each problem names the file.
    """
    if finding.record is None or finding.kind is None:
        raise at(finding.source, finding.problems)
    return finding.kind, finding.record


def document_draft(name: str, kind: Kind, base: Record | None = None) -> Finding:
    """The draft of exactly one record in a file or on stdin. Raises as `read_document`."""
    document, shown = read_document(name)
    return read_draft(document, shown, kind, base=base)


def at(source: str, problems: tuple[Problem, ...]) -> InvalidRecord:
    """The problems as an error that names the file in each."""
    return InvalidRecord(
        tuple(
            Problem(
                f"{source}: {problem.path}" if problem.path else source,
                problem.severity,
                problem.code,
                problem.sentence,
            )
            for problem in problems
        )
    )


def with_settings(kind: Kind, record: Record, settings: list[tuple[str, str]]) -> Record:
    """The record with the values of `--set field=value` in it.

    Values are read as in a YAML file: numbers in people's units, lists as JSON or with commas. A dot leads into the
    requirements: `resource_requirements.min_vcpus=4`.

    Raises:
        InvalidRecord: a field that is not there, or a value that does not fit.
    """
    document: dict[str, Json] = {}
    for path, text in settings:
        outer, _, inner = path.partition(".")
        value = _value(record.get(outer), text)
        if not inner:
            document[outer] = value
            continue
        struct = document.setdefault(outer, {})
        if isinstance(struct, dict):
            struct[inner] = value
    return read_record(kind, document, base=record)


def _value(present: Json, text: str) -> Json:
    if text.startswith(("[", "{")):
        return load_document(text, "--set")
    if isinstance(present, list):
        return [item.strip() for item in text.split(",") if item.strip()]
    return text
