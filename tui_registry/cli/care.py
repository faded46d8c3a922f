"""Caring: `verify` and `identity`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tui_registry.cli.commands import KEEP_A_COPY, WHO_HAS_THE_KEY
from tui_registry.cli.output import UsageError, confirm, note, out, out_json, progress_bar
from tui_registry.cli.registry import open_registry, read_text
from tui_registry.datastore import Datastore, StoreError
from tui_registry.text import exact, safe_text


def verify(args: Namespace) -> int:
    """Verify the replica."""
    with open_registry(args) as datastore, progress_bar("checking operation") as show:
        report = datastore.verify(show)
    if args.json:
        out_json(
            {
                "sound": report.sound,
                "operations": report.ops,
                "records": report.records,
                "invalid": [
                    {"index": found.place, "code": found.code, "sentence": found.sentence} for found in report.invalid
                ],
                "repaired": list(report.repaired),
            }
        )
    else:
        state = "all is sound" if report.sound else "not all was sound"
        out(f"{exact(report.ops)} operations checked, {exact(report.records)} records: {state}")
        for found in report.invalid:
            note(f"operation {found.place}: {found.code}: {safe_text(found.sentence)}")
        for repair in report.repaired:
            note(safe_text(repair))
    return 0 if report.sound else 1


def identity(args: Namespace) -> int:
    """Show, export, import or replace the key, or name the key of somebody else."""
    with open_registry(args) as datastore:
        match args.action:
            case "show":
                _show(datastore, as_json=args.json)
            case "export":
                _export(datastore, args)
            case "import":
                _import(datastore, args)
            case "name":
                _name(datastore, args)
            case _:
                _confirm(datastore, args, "a new key")
                _changed(datastore, datastore.key.replace(None), as_json=args.json)
    return 0


# This replica's key


def _show(datastore: Datastore, *, as_json: bool) -> None:
    path, fault = datastore.key.file, None
    try:
        address = datastore.key.identity().address
    except StoreError as error:
        # The database remembers the address, and so which backup of the key is the right one.
        address, fault = datastore.address, error
    if as_json:
        out_json({"address": address, "key_file": str(path)})
    else:
        out(f"address   0x{address}")
        out(f"key file  {safe_text(str(path))}")
    if fault is not None:
        raise fault
    if not as_json:
        note(f"{WHO_HAS_THE_KEY}: {KEEP_A_COPY}")


def _export(datastore: Datastore, args: Namespace) -> None:
    from tui_registry.cli.keystore import ask_passphrase, write_keystore

    identity, path = datastore.key.identity(), Path(args.file)
    write_keystore(path, identity, ask_passphrase(args.passphrase_file, new=True))
    if args.json:
        out_json({"address": identity.address, "file": str(path)})
    else:
        out(f"wrote the key of 0x{identity.address} to {safe_text(str(path))}, locked with the passphrase")


def _import(datastore: Datastore, args: Namespace) -> None:
    from tui_registry.cli.keystore import MAX_BYTES, ask_passphrase, read_keystore

    text = read_text(args.file, MAX_BYTES)
    identity = read_keystore(text, ask_passphrase(args.passphrase_file, new=False))
    _confirm(datastore, args, f"the key of 0x{identity.address}")
    _changed(datastore, datastore.key.replace(identity), as_json=args.json)


def _confirm(datastore: Datastore, args: Namespace, what: str) -> None:
    """Ask before a key that has signed records is put aside."""
    if not args.yes and datastore.key.file.exists():
        sign = f"sign with {what} from now on"
        confirm(
            f"{sign[0].upper()}{sign[1:]}? Records of the present key can then not be edited.",
            sign,
            "the key is the same as before",
        )


def _changed(datastore: Datastore, kept: Path | None, *, as_json: bool) -> None:
    if as_json:
        out_json({"address": datastore.address, "former_key_file": None if kept is None else str(kept)})
        return
    out(f"records are signed by 0x{datastore.address} from now on")
    if kept is not None:
        note(f"the former key is kept in {safe_text(str(kept))}")


# This replica's names for the keys of owners


def _name(datastore: Datastore, args: Namespace) -> None:
    """Show, give or take away names.

    Raises:
        StoreError: `not_found` when there is no name to forget.
    """
    names, address, name = datastore.names.all(), args.address, args.name
    if args.forget:
        if address is None or name is not None:
            raise UsageError("--forget takes an address and nothing else: 'identity name' tells all that have a name")
        if address not in names:
            raise StoreError("not_found", f"the key 0x{address} has no name here")
        datastore.names.set(address, "")
        _tell_name(address, None, as_json=args.json)
    elif address is None:
        for named in sorted(names, key=lambda each: (names[each], each)):
            _tell_name(named, names[named], as_json=args.json)
        if not names:
            note("no key has a name here: 'identity name ADDRESS NAME' gives one")
    elif name is None:
        _tell_name(address, names.get(address), as_json=args.json)
    elif not name.strip():
        raise UsageError("the name is empty: --forget takes a name away")
    else:
        datastore.names.set(address, name)
        _tell_name(address, name.strip(), as_json=args.json)


def _tell_name(address: str, name: str | None, *, as_json: bool) -> None:
    if as_json:
        out_json({"address": address, "name": name})
    elif name is None:
        note(f"the key 0x{address} has no name here")
    else:
        out(f"0x{address}  {safe_text(name)}")
