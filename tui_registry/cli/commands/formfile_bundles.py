"""`formfile build` and `verify`: from a record to its bundle, and from a bundle to whose record it holds."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.commands.formfile_files import read_bytes, read_values, shown, write_bytes, write_file
from tui_registry.cli.commands.formfile_problems import tell
from tui_registry.cli.errors import StoppedError
from tui_registry.cli.output import note, out, out_json
from tui_registry.cli.registry import open_registry
from tui_registry.crdt import OpError, check_alone, parse_op
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import Json
from tui_registry.formfile import check_agreement, parse
from tui_registry.formfile.bundle import (
    MAX_BUNDLE_BYTES,
    Bundle,
    BundleError,
    SignedRecord,
    check_bundle,
    digest,
    make_bundle,
)
from tui_registry.formfile.language import Name
from tui_registry.records.schema import MAX_OP_BYTES
from tui_registry.records.wire import derive_id
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.formfile.language import Mode

_STDOUT = "-"


def run(args: Namespace) -> int:
    """Build or verify."""
    return _build(args) if args.action == "build" else _verify(args)


def read_signed(body: bytes, registered_as: str) -> SignedRecord:
    """What an operation wrote, once its hash, its signature and its right to the id are checked.

    Args:
        body: the operation's exact bytes.
        registered_as: the name that its record was first registered with.

    Raises:
        OpError: it does not pass, or deletes its record.
    """
    op = parse_op(body)
    check_alone(op)
    if op.record is None or op.actor is None or op.created_at is None:
        raise OpError("child", "this operation deletes its record: there is nothing to build")
    # Only a root shows by itself that its id is its owner's; for all others the name that it was made from proves it.
    if derive_id(op.kind, op.actor, registered_as, op.created_at) != op.key:
        raise OpError("id", "the id is not one that the signer's key made: the record may be another owner's")
    return SignedRecord(
        op.kind, op.key, op.actor, op.hash, registered_as, op.updated_at, op.record, body
    )  # fmt: skip


def _build(args: Namespace) -> int:
    values = read_values(args)
    with open_registry(args) as datastore:
        signed = _current(datastore, args.id, allow_conflict=args.allow_conflict)
    name = f"{signed.kind} {safe_text(str(signed.record['name']))} ({signed.id[:12]})"
    template = str(signed.record["formfile_template"])
    try:
        bundle = make_bundle(signed, values)
    except BundleError as error:
        raise _explained(error, name, template, signed.id) from error
    failed = _tell_rendered(bundle, "strict" if args.strict else "lint")
    if args.strict and failed:
        raise StoppedError(f"{name}: the builder would misread its Formfile: nothing was written")
    output: str = args.output or f"{_file_name(bundle)}.tar"
    if output == _STDOUT:
        write_bytes(bundle.data)
    else:
        # A value may be a password.
        write_file(output, bundle.data, 0o600 if values else 0o666)
    described = {"file": None if output == _STDOUT else output, "size": len(bundle.data), **_described(bundle)}
    if output == _STDOUT:
        note(f"the bundle of {name} has {exact(len(bundle.data))} bytes, SHA-256 {digest(bundle.data)}")
    elif args.json:
        out_json(described)
    else:
        out(f"wrote {safe_text(output)}, {exact(len(bundle.data))} bytes, SHA-256 {digest(bundle.data)}")
    return 0


def _verify(args: Namespace) -> int:
    name: str = args.file
    try:
        bundle = check_bundle(read_bytes(name, MAX_BUNDLE_BYTES), read_signed)
    except BundleError as error:
        raise BundleError(error.code, f"{shown(name)}: {error.sentence}") from error
    _tell_rendered(bundle, "lint")
    if args.json:
        out_json({"file": shown(name), "sound": True, **_described(bundle)})
        return 0
    signed = bundle.signed
    out(f"{shown(name)} is sound")
    out(f"  {signed.kind:<10}{safe_text(str(signed.record['name']))} {safe_text(str(signed.record['version']))}")
    out(f"  id        {signed.id}")
    out(f"  owner     0x{signed.owner}, who signed it")
    out(f"  operation {signed.op_hash}")
    # The names alone: a value may be a password.
    out(f"  values    {', '.join(sorted(bundle.values)) or 'none were given'}")
    return 0


def _current(datastore: Datastore, prefix: str, *, allow_conflict: bool) -> SignedRecord:
    """The current record with that id and its operation.

    Raises:
        StoreError: `not_found`, `ambiguous`, or `conflict`.
    """
    kind, identifier = datastore.resolve(prefix)
    history = datastore.history(identifier)
    current = next((entry for entry in history if entry.is_winner), None)
    first = next((entry.record for entry in history if not entry.children and entry.record is not None), None)
    bodies = [] if current is None else datastore.ops_by_hash([current.hash], MAX_OP_BYTES)
    if current is None or first is None or not bodies:  # deleted by another process since
        raise StoreError("not_found", f"there is no {kind} {identifier[:12]} here: it was deleted just now")
    live = [entry for entry in history if entry.is_head and not entry.is_rm]
    if len(live) > 1:
        says = f"{kind} {identifier[:12]} is in conflict, {len(live)} versions were written at once"
        if not allow_conflict:
            raise StoreError(
                "conflict",
                f"{says}: its owner can resolve that by an update; --allow-conflict builds {current.hash[:12]}, "
                "which counts until then",
            )
        note(f"{says}: this is {current.hash[:12]}, which counts until its owner updates it")
    return read_signed(bodies[0], str(first["name"]))


def _explained(error: BundleError, name: str, template: str, identifier: str) -> BundleError:
    """The error with the name of the record, after its problems were told."""
    if error.code == "no_template":
        hint = f"'tui-registry formfile generate {identifier[:12]}' writes one for its formfile_template"
        return BundleError(error.code, f"{name} has no Formfile template: {hint}")
    tell(error.problems, identifier[:12], [line.raw for line in parse(template, secrets=False).lines])
    end = ": nothing was written" if error.problems else ""
    return BundleError(error.code, f"{name}: {error.sentence}{end}")


def _tell_rendered(bundle: Bundle, mode: Mode) -> bool:
    """Say what could be better about the rendered Formfile, and whether there are errors in this mode."""
    formfile = parse(bundle.formfile, mode, secrets=False)
    problems = [*formfile.problems, *check_agreement(formfile, bundle.signed.kind, bundle.signed.record)]
    if problems:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        # Quoted lines could show a value that is a password.
        tell(problems, "Formfile", [] if bundle.values else bundle.formfile.split("\n"))
    return bool(formfile.errors)


def _file_name(bundle: Bundle) -> str:
    """A name for the file: the one that the Formfile gives the instance, as far as a file may be called so."""
    names = [i.value for i in parse(bundle.formfile, secrets=False).instructions if isinstance(i, Name)]
    kept = "".join(c for c in (names[0] if names else "")[:64] if c.isascii() and (c.isalnum() or c in "-_"))
    return f"{kept.strip('-') or bundle.signed.kind}-{bundle.signed.id[:12]}"


def _described(bundle: Bundle) -> dict[str, Json]:
    signed = bundle.signed
    return {
        "sha256": digest(bundle.data),
        "kind": signed.kind,
        "id": signed.id,
        "owner": signed.owner,
        "op": signed.op_hash,
        "values": [*sorted(bundle.values)],
    }
