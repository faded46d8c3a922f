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
import re
from collections.abc import Callable, Mapping
from typing import Final

from tui_registry.errors import Json, Kind, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.text import nearest

from .agreement import record_values
from .formatter import render, wanted
from .language import FormfileProblem, shown
from .lines import parse
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


def check_bundle(data: bytes, read_op: Callable[[bytes, str], SignedRecord]) -> Bundle:
    """Verify a bundle: it is, to the byte, what `make_bundle` makes of the operation and the values in it.

    So its files are those of the manifest, the record is the operation's, and the Formfile is the owner's signed
    template with the values that the manifest names; those, and nothing else, are the word of whoever made the bundle.
    Whether a later operation has replaced this one, only a replica can tell.

    Args:
        data: the tar.
        read_op: checks the hash and the signature of an operation and that its id derives from a name, and says what it
            wrote. It raises a `RegistryError` for one that does not pass.

    Raises:
        BundleError: code `bundle`, for all that is wrong.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise BundleError("bundle", f"it has more than {MAX_BUNDLE_BYTES:,} bytes: no bundle is that large")
    try:
        members, _ = read_archive(data, SIZES)
    except ArchiveError as error:
        raise BundleError("bundle", str(error)) from None
    manifest = _read_manifest(members[MANIFEST])
    for name in (FORMFILE, OP, RECORD):
        if manifest.sums.get(name) != digest(members[name]):
            raise BundleError("bundle", f"{name} is not the file that {MANIFEST} describes: its SHA-256 differs")
    try:
        signed = read_op(members[OP], manifest.registered_as)
    except RegistryError as error:
        raise BundleError("bundle", f"{OP}: {error.sentence}") from error
    if members[RECORD] != spell_json(signed.record):
        raise BundleError("bundle", f"{RECORD} is not the record that {OP} signs")
    try:
        again = make_bundle(signed, manifest.values)
    except BundleError as error:
        raise BundleError("bundle", f"{FORMFILE} cannot come from this record: {error.sentence}") from error
    if members[FORMFILE] != again.formfile.encode():
        raise BundleError("bundle", f"{FORMFILE} is not the record's template with the values that {MANIFEST} names")
    if again.data != data:
        raise BundleError(
            "bundle", f"{MANIFEST} or the archive says something else than {OP}: it was changed or repacked"
        )
    return again


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
    names = wanted(parsed)
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
    """JSON as the files of a bundle spell it: for people to read, and ASCII throughout, which every terminal shows."""
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


class _Manifest(NamedTuple):
    """What the other files cannot tell; all the rest of a manifest is compared as bytes."""

    registered_as: str
    values: dict[str, str]
    sums: dict[str, str]


def _read_manifest(content: bytes) -> _Manifest:
    # Not `json`: deep nesting ends that one with a crash where the recursion limit was raised. This one has a limit.
    from pydantic_core import from_json

    try:
        tree: Json = from_json(content, allow_inf_nan=False)
    except ValueError:
        raise BundleError("bundle", f"{MANIFEST} is not JSON") from None
    if not isinstance(tree, dict) or type(tree.get("bundle")) is not int:
        raise BundleError("bundle", f"{MANIFEST} is not that of a bundle")
    if tree["bundle"] != BUNDLE_FORMAT:
        raise BundleError(
            "bundle", f"it is of another format than {BUNDLE_FORMAT}: another version of tui-registry reads it"
        )
    registered_as, values, files = (tree.get(name) for name in ("registered_as", "values", "files"))
    if not isinstance(registered_as, str) or not isinstance(values, dict) or not isinstance(files, dict):
        raise BundleError("bundle", f"{MANIFEST} does not say what a bundle's must")
    given = {name: value for name, value in values.items() if isinstance(value, str)}
    if len(given) < len(values):
        raise BundleError("bundle", f"{MANIFEST} gives a placeholder something else than text")
    sums = {name: item["sha256"] for name, item in files.items() if isinstance(item, dict) and "sha256" in item}
    return _Manifest(registered_as, given, {name: text for name, text in sums.items() if isinstance(text, str)})


# ---- a tar of plain files with one spelling --------------------------------------------------------------------------
# The same members give the same bytes, and no other bytes give them back. The format is POSIX ustar (IEEE Std
# 1003.1-2017, pax, "ustar Interchange Format"), which every tar reads. Written out here instead of through `tarfile`,
# whose output has changed with Python's versions and whose reader follows links, extended headers and sparse maps: what
# a stranger's archive holds beyond plain files is refused at its first header.

BLOCK = 512
# 11 octal digits, the year 2242; later times are written as this one.
LATEST = 0o77777777777

_OCTAL = re.compile(rb"[0-7]{11}\0")
_KINDS = {
    b"1": "a link", b"2": "a link", b"3": "a device", b"4": "a device", b"5": "a folder", b"6": "a pipe",
    b"x": "an extended header", b"g": "an extended header", b"L": "an extended header", b"K": "an extended header",
}  # fmt: skip


class ArchiveError(ValueError):
    """Bytes that `write_archive` does not write; the message says why in words."""


class Archive(NamedTuple):
    """The members in their order, and the time that all of them carry, in Unix seconds."""

    members: dict[str, bytes]
    modified: int


def write_archive(members: Mapping[str, bytes], modified: int) -> bytes:
    """A tar of these members, in this order.

    Args:
        members: by name; names are 1..100 ASCII characters.
        modified: Unix seconds, for all of them; times outside 1970..2242 become the nearest one inside.
    """
    modified = min(max(modified, 0), LATEST)
    parts: list[bytes] = []
    for name, content in members.items():
        parts += [_header(name, len(content), modified), content, bytes(-len(content) % BLOCK)]
    # Two blocks of zeros end an archive; more of them, as some tars write for tape drives, say nothing.
    return b"".join((*parts, bytes(2 * BLOCK)))


def read_archive(data: bytes, sizes: Mapping[str, int]) -> Archive:
    """What `write_archive` was given.

    Args:
        data: the tar, whole. The result is never larger.
        sizes: the members that must be there, in this order, each with the most bytes that it may have.

    Raises:
        ArchiveError: anything is there that `write_archive` would have written in another way.
    """
    members: dict[str, bytes] = {}
    modified = None
    at = 0
    for name, most in sizes.items():
        header = data[at : at + BLOCK]
        size, written = _read_header(header, name)
        if size > most:
            raise ArchiveError(f"{name} has {size:,} bytes, at most {most:,} are allowed")
        modified = written if modified is None else modified
        if written != modified or header != _header(name, size, modified):
            raise ArchiveError(f"the header of {name} is not as it was written: the archive was changed or repacked")
        at += BLOCK
        content = data[at : at + size]
        padding = data[at + size : at + size + -size % BLOCK]
        if len(content) < size or padding != bytes(-size % BLOCK):
            raise ArchiveError(f"the archive ends within {name}, or something lies behind it: it is damaged")
        members[name] = content
        at += size + len(padding)
    if data[at:] != bytes(2 * BLOCK):
        raise ArchiveError(_after_the_last(data[at : at + BLOCK]))
    return Archive(members, modified or 0)


def _header(name: str, size: int, modified: int) -> bytes:
    fields = (
        name.encode("ascii").ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # user and group: root, without a name, wherever it was built
        b"0000000\0",
        b"%011o\0" % size,
        b"%011o\0" % modified,
        b" " * 8,  # the checksum counts itself as spaces
        b"0",  # a plain file
        bytes(100),
        b"ustar\x0000",
        bytes(32),
        bytes(32),
        b"0000000\0",
        b"0000000\0",
        bytes(155 + 12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _read_header(header: bytes, name: str) -> tuple[int, int]:
    """The size and the time in a header, which should be that of `name`."""
    if len(header) < BLOCK or not header.strip(b"\0"):
        raise ArchiveError(f"{name} is missing: the archive ends before it")
    if header[257:262] != b"ustar":
        raise ArchiveError("this is no tar archive, or not a plain one")
    found = _name(header)
    if header[156:157] in _KINDS:
        raise ArchiveError(f"it holds {_KINDS[header[156:157]]}, '{found}': a bundle has plain files only")
    if found != name:
        raise ArchiveError(f"it holds '{found}' where {name} should be")
    if not (_OCTAL.fullmatch(header[124:136]) and _OCTAL.fullmatch(header[136:148])):
        raise ArchiveError(f"the size or the time of {name} cannot be read")
    return int(header[124:135], 8), int(header[136:147], 8)


def _after_the_last(header: bytes) -> str:
    if len(header) == BLOCK and header[257:262] == b"ustar":
        return f"it holds one thing more, '{_name(header)}', which is no part of a bundle"
    return "the end of the archive is not as it was written: it is damaged or was repacked"


def _name(header: bytes) -> str:
    return shown(header[:100].rstrip(b"\0").decode("ascii", "replace"), 100)
