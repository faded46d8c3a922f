"""`identity show|export|import|new|name`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.commands import identity_names
from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from pathlib import Path

    from tui_registry.datastore import Datastore

_WHO = "whoever has the key file can change your records, and without it nobody can, you included"
_KEEP = "keep a copy elsewhere with 'identity export FILE'"


def arguments(parser: ArgumentParser) -> None:
    """What `identity` takes."""
    parser.description = (
        "The key that signs your records. It is made at first use and lies beside the database; its address is\n"
        f"your name as an owner everywhere.\n\n{_WHO.capitalize()}:\n{_KEEP}.\n\n"
        "What you call the keys of others stays on this machine; 'name' tells and changes it."
    )
    parser.epilog = examples(
        "tui-registry identity show",
        "tui-registry identity export key-backup.json",
        "tui-registry identity import key-backup.json",
        "tui-registry identity new",
        "tui-registry identity name 0x0a5f16aeef9ecca4bf9da2c5e0a4e7bc2c2b1c04 my-lab",
    )
    actions = parser.add_subparsers(dest="action", metavar="show|export|import|new|name", required=True)
    show = actions.add_parser("show", command="", description="Show the address and where the key file lies.")
    export = actions.add_parser(
        "export",
        command="",
        description="Write the key to a new file, as an Ethereum keystore locked with a passphrase.",
    )
    imports = actions.add_parser(
        "import", command="", description="Sign with the key of a keystore from now on. The former key file is kept."
    )
    new = actions.add_parser(
        "new",
        command="",
        description="Sign with a new key from now on. Records of the former key cannot be edited with it.",
    )
    identity_names.arguments(actions.add_parser("name", command="", description=identity_names.DESCRIPTION))
    for action in (export, imports):
        action.add_argument("file", metavar="FILE")
        action.add_argument("--passphrase-file", metavar="FILE", help="its first line is the passphrase (default: ask)")
    for action in (imports, new):
        action.add_argument("--yes", action="store_true", help="do not ask whether to change keys")
    for action in (show, export, imports, new):
        action.add_argument("--json", action="store_true", help="a JSON object")


def run(args: Namespace) -> int:
    """Show, export, import, begin anew, or name a key."""
    from tui_registry.cli.registry import open_registry

    with open_registry(args) as datastore:
        match args.action:
            case "show":
                _show(datastore, as_json=args.json)
            case "export":
                _export(datastore, args)
            case "import":
                _import(datastore, args)
            case "name":
                identity_names.run(datastore, args)
            case _:
                _confirm(datastore, args, "a new key")
                _changed(datastore, datastore.key.replace(None), as_json=args.json)
    return 0


def _show(datastore: Datastore, *, as_json: bool) -> None:
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.datastore import StoreError
    from tui_registry.text import safe_text

    path, fault = datastore.key.file, None
    try:
        address = datastore.key.identity().address
    except StoreError as error:
        # It is remembered, and tells which backup is the right one.
        address, fault = datastore.address, error
    if as_json:
        out_json({"address": address, "key_file": str(path)})
    else:
        out(f"address   0x{address}")
        out(f"key file  {safe_text(str(path))}")
    if fault is not None:
        raise fault
    if not as_json:
        note(f"{_WHO}: {_KEEP}")


def _export(datastore: Datastore, args: Namespace) -> None:
    from pathlib import Path

    from tui_registry.cli.keystore import ask_passphrase, write_keystore
    from tui_registry.cli.output import out, out_json
    from tui_registry.text import safe_text

    identity = datastore.key.identity()
    path = Path(args.file)
    write_keystore(path, identity, ask_passphrase(args.passphrase_file, new=True))
    if args.json:
        out_json({"address": identity.address, "file": str(path)})
    else:
        out(f"wrote the key of 0x{identity.address} to {safe_text(str(path))}, locked with the passphrase")


def _import(datastore: Datastore, args: Namespace) -> None:
    from tui_registry.cli.keystore import ask_passphrase, read_keystore
    from tui_registry.cli.registry import read_file

    text = read_file(args.file, 64 * 1024)
    identity = read_keystore(text, ask_passphrase(args.passphrase_file, new=False))
    _confirm(datastore, args, f"the key of 0x{identity.address}")
    _changed(datastore, datastore.key.replace(identity), as_json=args.json)


def _confirm(datastore: Datastore, args: Namespace, what: str) -> None:
    """Ask before a key that has signed records is put aside."""
    import sys

    from tui_registry.cli.errors import StoppedError, UsageError

    if args.yes or not datastore.key.file.exists():
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked whether to sign with {what} from now on: say --yes")
    sys.stderr.write(f"Sign with {what} from now on? Records of the present key can then not be edited. [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError("the key is the same as before")


def _changed(datastore: Datastore, kept: Path | None, *, as_json: bool) -> None:
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.text import safe_text

    if as_json:
        out_json({"address": datastore.address, "former_key_file": None if kept is None else str(kept)})
        return
    out(f"records are signed by 0x{datastore.address} from now on")
    if kept is not None:
        note(f"the former key is kept in {safe_text(str(kept))}")
