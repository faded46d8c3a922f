"""The build bundle: all that a builder needs to build a record, and to verify offline whose record it is.

A tar of four files, in this order:

    manifest.json  the format ("bundle": 1); kind, id and owner of the record; the hash of its operation; the name that
                   it was registered with; the values given for placeholders; size and SHA-256 of the other files
    Formfile       the record's template, rendered with what the record says and the values given
    op.json        the signed operation that wrote the record, its exact bytes
    record.json    the record in it, for programs that do not read operations

Nothing but the operation is signed, and nothing else needs to be: every other byte follows from the operation, the
values and the name by `make_bundle`, so a bundle is verified by making it again. The name ties the id to the owner: an
id is a hash over both, and an operation that changes a record does not show by itself whose id it changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from tui_registry.errors import Json, Kind, Record, RegistryError

from .archive import write_archive
from .language import nearest
from .model import FormfileProblem
from .parser import parse
from .renderer import record_values, render, wanted
from .report import shown
from .words import placeholders

BUNDLE_FORMAT: Final = 1
MANIFEST, FORMFILE, OP, RECORD = "manifest.json", "Formfile", "op.json", "record.json"
# Far above what an operation of 65,536 bytes and some values come to, and small enough for any memory.
SIZES: Final[Mapping[str, int]] = {MANIFEST: 1 << 18, FORMFILE: 1 << 18, OP: 1 << 16, RECORD: 1 << 18}
MAX_BUNDLE_BYTES: Final = 1 << 20


class SignedRecord(NamedTuple):
    """A record with the operation that wrote it, whose hash, signature and owner were checked.

    Attributes:
        owner: the address that signed, 40 hex digits.
        op_hash: 64 hex digits.
        registered_as: the name from which the id was derived.
        updated_at: Unix seconds.
        body: the operation's exact bytes.
    """

    kind: Kind
    id: str
    owner: str
    op_hash: str
    registered_as: str
    updated_at: int
    record: Record
    body: bytes


class Bundle(NamedTuple):
    """A bundle and what is in it.

    Attributes:
        values: those that were given for placeholders; defaults and the record's own are not among them.
        data: the tar.
    """

    signed: SignedRecord
    formfile: str
    values: Mapping[str, str]
    data: bytes


class BundleError(RegistryError):
    """No bundle can be made, or this is none. `problems` are those of the Formfile, by line of the record's template.

    Codes: `no_template`, `formfile`, `no_placeholder`, `too_large`; of bytes that are no sound bundle `bundle`.
    """

    def __init__(self, code: str, sentence: str, problems: tuple[FormfileProblem, ...] = ()) -> None:
        super().__init__(code, sentence)
        self.problems = problems


def make_bundle(signed: SignedRecord, values: Mapping[str, str]) -> Bundle:
    """The bundle of a record. The same arguments give the same bytes, in any process, place and year.

    Args:
        signed: the record; its template is rendered.
        values: for placeholders; they go before what the record itself says and before declared defaults.

    Raises:
        BundleError: the record has no template, it has errors once rendered, or values are given that it does not use.
    """
    template = signed.record.get("formfile_template")
    if not isinstance(template, str) or not template.strip():
        raise BundleError("no_template", "the record has no Formfile template")
    formfile = _rendered(template, values, record_values(signed.kind, signed.record))
    files = {FORMFILE: formfile.encode(), OP: signed.body, RECORD: spell_json(signed.record)}
    members = {MANIFEST: spell_json(_manifest(signed, values, files)), **files}
    for name, content in members.items():
        if len(content) > SIZES[name]:
            raise too_large(name, len(content))
    return Bundle(signed, formfile, values, write_archive(members, signed.updated_at))


def check_given(template: str, given: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Refuse what must not be rendered: a misspelt value, or a long one that lines use many times.

    Args:
        given: values that the template must use.
        known: values that it may use, such as the record's own.

    Raises:
        BundleError: `no_placeholder`, or `too_large` for what would be longer than a bundle takes.
    """
    if len(template) > SIZES[FORMFILE]:
        raise too_large(FORMFILE, len(template))
    parsed = parse(template, secrets=False)
    names = tuple(placeholder.name for placeholder in wanted(parsed))
    for name in given:
        if name not in names:
            meant = nearest(name, names)
            hint = f"did you mean '{meant}'?" if meant else f"it has {', '.join(names[:8])}" if names else "it has none"
            raise BundleError("no_placeholder", f"the template has no placeholder '{shown(name)}': {hint}")
    values = {**{d.name: d.default or "" for d in reversed(parsed.declarations)}, **known, **given}
    length = len(template) + sum(len(values.get(name, "")) for name, _ in placeholders(template))
    if length > SIZES[FORMFILE]:
        raise too_large(FORMFILE, length)


def too_large(name: str, size: int) -> BundleError:
    """The error for a file of so many bytes."""
    return BundleError("too_large", f"{name} would have {size:,} bytes, at most {SIZES[name]:,} are allowed")


def spell_json(value: Json) -> bytes:
    """JSON as the files of a bundle spell it: for people to read, and ASCII throughout, so that no terminal minds."""
    return json.dumps(value, indent=2).encode("ascii") + b"\n"


def digest(content: bytes) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def _rendered(template: str, given: Mapping[str, str], known: Mapping[str, str]) -> str:
    check_given(template, given, known)
    rendered = render(template, {**known, **given})
    errors = tuple(problem for problem in rendered.problems if problem.severity == "error")
    if errors:
        many = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        raise BundleError("formfile", f"the Formfile has {many} once it is rendered", errors)
    return rendered.text


def _manifest(signed: SignedRecord, values: Mapping[str, str], files: Mapping[str, bytes]) -> Json:
    described: dict[str, Json] = {
        name: {"size": len(content), "sha256": digest(content)} for name, content in files.items()
    }
    return {
        "bundle": BUNDLE_FORMAT,
        "kind": signed.kind,
        "id": signed.id,
        "owner": signed.owner,
        "op": signed.op_hash,
        "registered_as": signed.registered_as,
        "values": {name: values[name] for name in sorted(values)},
        "files": described,
    }
