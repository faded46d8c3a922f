"""`backup`: everything in one file, and a replica made of one."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tui_registry import backup as archive
from tui_registry.cli.care import ask_passphrase
from tui_registry.cli.output import UsageError, note, out, out_json, progress_bar
from tui_registry.cli.registry import STDOUT, open_registry
from tui_registry.crdt import Identity
from tui_registry.datastore import DATABASE, StoreError
from tui_registry.keystore import locked, read_keystore
from tui_registry.present.elsewhere import what_was_restored
from tui_registry.present.pulls import rejection_json
from tui_registry.settings import data_dir
from tui_registry.text import moment_utc, plural, safe_text

SYNC_FIRST = (
    "pull from every peer before you write ('tui-registry sync'): what you wrote since then, others may still have"
)


def backup(args: Namespace) -> int:
    """Write a backup, or put one back."""
    if not args.file:
        raise UsageError("a backup needs a file: the word is empty, as of a variable that is not set")
    if args.file == STDOUT:
        raise UsageError("a backup is made in a file, and read from one: name it, and copy it where it is to go")
    if args.without_key and args.passphrase_file is not None:
        raise UsageError("--without-key needs no passphrase: leave out one of the two")
    return _put_back(args) if args.restore else _back_up(args)


def _back_up(args: Namespace) -> int:
    folder = data_dir(args.data_dir)
    if not (folder / DATABASE).exists():
        raise StoreError("not_found", f"there is no replica in {safe_text(str(folder))} that a backup could be made of")

    def lock(identity: Identity) -> str:
        return locked(identity, ask_passphrase(args.passphrase_file, new=True))

    with open_registry(args) as datastore:
        made = archive.back_up(datastore, Path(args.file), None if args.without_key else lock, replace=args.force)
    if args.json:
        out_json(
            {
                "file": str(made.path),
                "bytes": made.bytes,
                "made_at": made.made_at,
                "operations": made.operations,
                "records": made.records,
                "address": made.address or None,
                "key": made.has_key,
                "settings": made.has_settings,
            }
        )
        return 0
    told, notes = made.in_words()
    for line in told:
        out(line)
    for line in notes:
        note(line)
    return 0


def _put_back(args: Namespace) -> int:
    if args.force:
        raise UsageError("--force goes with writing a backup: nothing that is there is replaced by putting one back")

    def unlock(keystore: str) -> Identity:
        return read_keystore(keystore, ask_passphrase(args.passphrase_file, new=False))

    with progress_bar("checking operation") as show:
        done = archive.put_back(Path(args.file), args.data_dir, None if args.without_key else unlock, show)
    report = done.report
    if args.json:
        out_json(
            {
                "data_dir": str(done.data_dir),
                "made_at": done.made_at,
                "operations": done.operations,
                "records": done.records,
                "address": done.address or None,
                "key": done.has_key,
                "settings": done.settings,
                "sound": report.sound,
                "invalid": [rejection_json(found) for found in report.invalid],
                "repaired": list(report.repaired),
            }
        )
    else:
        made = "" if done.made_at is None else f", as of {moment_utc(done.made_at)}"
        counts = f"{plural(done.operations, 'operation')}, {plural(done.records, 'record')}"
        out(f"put {counts} back into {safe_text(str(done.data_dir))}{made}")
        for line in _told(done):
            out(line)
    for found in report.invalid:
        note(f"operation {found.place}: {found.code}: {safe_text(found.sentence)}")
    for repair in report.repaired:
        note(safe_text(repair))
    if done.shared.restored is not None:
        note(what_was_restored(done.shared.restored))
    if done.hub is None:
        note(f"the log has another epoch now. Next, {SYNC_FIRST}")
    else:
        note(f"it is a view of the hub {done.hub[:8]}: served with --hub it follows what came since")
    return 0 if report.sound else 1


def _told(done: archive.PutBack) -> list[str]:
    lines = []
    if done.has_key:
        lines.append(f"records are signed by 0x{done.address}")
    elif done.address:
        lines.append(f"the key of 0x{done.address} is not there: 'identity import FILE' brings it")
    where = safe_text(str(done.settings_file))
    match done.settings:
        case "written":
            lines.append(f"the settings are in {where}")
        case "kept":
            lines.append(f"your settings stay as they are ({where}); the backup has others")
        case "unreadable":
            lines.append("the settings in the backup cannot be read, and were left out")
        case _:
            pass
    if done.tokens:
        opens = "opens" if done.tokens == 1 else "open"
        lines.append(f"{plural(done.tokens, 'token')} {opens} its node: 'token list' tells more")
    return lines
