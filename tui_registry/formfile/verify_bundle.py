"""Verifying a build bundle from its bytes alone: bounded, and nothing is extracted, followed or run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tui_registry.errors import Json, RegistryError

from .archive import ArchiveError, read_archive
from .bundle import (
    BUNDLE_FORMAT,
    FORMFILE,
    MANIFEST,
    MAX_BUNDLE_BYTES,
    OP,
    RECORD,
    SIZES,
    Bundle,
    BundleError,
    SignedRecord,
    digest,
    make_bundle,
    spell_json,
)


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
        raise _bad(f"it has more than {MAX_BUNDLE_BYTES:,} bytes: no bundle is that large")
    try:
        members, _ = read_archive(data, SIZES)
    except ArchiveError as error:
        raise _bad(str(error)) from None
    manifest = _read_manifest(members[MANIFEST])
    for name in (FORMFILE, OP, RECORD):
        if manifest.sums.get(name) != digest(members[name]):
            raise _bad(f"{name} is not the file that {MANIFEST} describes: its SHA-256 differs")
    try:
        signed = read_op(members[OP], manifest.registered_as)
    except RegistryError as error:
        raise _bad(f"{OP}: {error.sentence}") from error
    if members[RECORD] != spell_json(signed.record):
        raise _bad(f"{RECORD} is not the record that {OP} signs")
    try:
        again = make_bundle(signed, manifest.values)
    except BundleError as error:
        raise _bad(f"{FORMFILE} cannot come from this record: {error.sentence}") from error
    if members[FORMFILE] != again.formfile.encode():
        raise _bad(f"{FORMFILE} is not the record's template with the values that {MANIFEST} names")
    if again.data != data:
        raise _bad(f"{MANIFEST} or the archive says something else than {OP}: it was changed or repacked")
    return again


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
        raise _bad(f"{MANIFEST} is not JSON") from None
    if not isinstance(tree, dict) or type(tree.get("bundle")) is not int:
        raise _bad(f"{MANIFEST} is not that of a bundle")
    if tree["bundle"] != BUNDLE_FORMAT:
        raise _bad(f"it is of another format than {BUNDLE_FORMAT}: another version of tui-registry reads it")
    registered_as, values, files = (tree.get(name) for name in ("registered_as", "values", "files"))
    if not isinstance(registered_as, str) or not isinstance(values, dict) or not isinstance(files, dict):
        raise _bad(f"{MANIFEST} does not say what a bundle's must")
    given = {name: value for name, value in values.items() if isinstance(value, str)}
    if len(given) < len(values):
        raise _bad(f"{MANIFEST} gives a placeholder something else than text")
    sums = {name: item["sha256"] for name, item in files.items() if isinstance(item, dict) and "sha256" in item}
    return _Manifest(registered_as, given, {name: text for name, text in sums.items() if isinstance(text, str)})


def _bad(sentence: str) -> BundleError:
    return BundleError("bundle", sentence)
