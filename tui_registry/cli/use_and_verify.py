"""`use`: the lines for the tools that read a record. `verify-file`: whose file something on this machine is."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from tui_registry.cli.output import UsageError, note, out, out_json, progress_bar
from tui_registry.cli.registry import Registry, find, find_with_manifest, open_either, standing
from tui_registry.datastore import Datastore, Entry, StoreError
from tui_registry.errors import Json
from tui_registry.importers.digests import digest_of, files_in
from tui_registry.importers.untrusted import SourceError
from tui_registry.present import using, verifying
from tui_registry.text import safe_text

_MB = 1_000_000
_LABEL = 11
_CLAIMS_SHOWN = 20


def use(args: Namespace) -> int:
    """Print the lines for tools, and run none of them."""
    with open_either(args) as registry:
        entry, beside = find_with_manifest(registry, args.id)
        manifest = None if beside is None else beside.manifest
        said = None if manifest is None else standing(registry, entry.kind, manifest)
    found = using.uses(entry.kind, entry.record, manifest)
    lines = using.for_tool(found, args.tool)
    sentence = None if lines else using.nothing_for(found, args.tool)
    if args.json:
        out_json(
            {
                "kind": entry.kind,
                "id": entry.id,
                "name": entry.record["name"],
                "status": entry.status,
                "lines": [{**line._asdict(), "argv": [*line.argv]} for line in lines],
                "unread": [unread._asdict() for unread in found.unread],
                "sentence": sentence,
            }
        )
        return 0 if lines else 1
    if said is not None:
        note(f"{_name(entry)} is {said}")
    for line in lines:
        if args.tool is None:
            out(f"{line.tool:<{_LABEL}}{line.text}")
            out(f"{'':<{_LABEL}}# {line.what}{f': {line.note}' if line.note else ''}")
        else:
            out(line.text)
            if line.note:
                note(line.note)
    for unread in found.unread if args.tool is None else ():
        note(f"{unread.path}: {unread.uri} {unread.sentence}")
    note(using.ONLY_SHOWN if sentence is None else f"{_name(entry)}: {sentence}")
    return 0 if lines else 1


def verify_file(args: Namespace) -> int:
    """Say of files whose they are."""
    identifier, names = _taken_apart(args.words)
    with open_either(args) as registry:
        entry = None if identifier is None else find(registry, identifier)
        if entry is None and (named := _named(registry, args.words)) is not None:
            entry, names = named, args.words[1:]
        if entry is None and args.node is not None:
            raise UsageError("a node is not asked who states a digest: give the ID of a record, or leave --node out")
        asked = None if entry is None else _asked(registry, entry)
        told = [_verify_one(registry, path, asked, as_json=args.json) for path in _files(names)]
    if not told:
        note("there is no file in there")
    return 0 if told and all(told) else 1


# How


_ID = re.compile(r"(?:0x)?[0-9a-fA-F]{1,64}", re.ASCII)


def _taken_apart(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The id that a line begins with, None where it does not, and the names of files."""
    first, rest = words[0], words[1:]
    if not rest:
        return None, words
    if _ID.fullmatch(first) is None:
        return None, words
    if Path(first).exists():
        raise UsageError(f"{first} may be an id, and there is a file of that name: write ./{first} for the file")
    return first, rest


def _named(registry: Registry, words: Sequence[str]) -> Entry | None:
    """The record whose name a line begins with, where that is no file: what is neither is told as a file that there is
    not."""
    if len(words) < 2 or _is_there(words[0]):
        return None
    try:
        return find(registry, words[0])
    except StoreError as error:
        if error.code != "not_found":
            raise
        return None


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (ValueError, OSError):  # a NUL, or longer than any name
        return False


def _files(names: Sequence[str]) -> Iterator[Path | tuple[str, str]]:
    """The files that a line names; of a folder that cannot be read its name and why."""
    for name in names:
        try:
            for found in files_in(Path(name)):
                if isinstance(found, OSError):
                    yield str(found.filename or name), f"cannot be read ({found.strerror or 'no reason given'})"
                else:
                    yield found
        except ValueError:  # a NUL
            yield name, "is no name of a file"


def _verify_one(
    registry: Registry, path: Path | tuple[str, str], asked: verifying.Asked | None, *, as_json: bool
) -> bool:
    """Say what a file is; whether it is one that it should be."""
    if isinstance(path, tuple):
        return _unread(path[0], path[1], as_json=as_json)
    shown = safe_text(str(path), 200)
    try:
        size = path.stat().st_size
        if asked is not None and path.is_file() and (differs := verifying.size_differs(asked, size)):
            note(f"{shown}: {differs}")
        with progress_bar(f"SHA-256 of {safe_text(path.name, 60)}, MB") as show:
            digest, size = digest_of(path, lambda done: show(done // _MB, size // _MB))
    except SourceError as error:
        return _unread(str(path), error.sentence, as_json=as_json)
    except OSError as error:
        hint = ": if it is an id, name the file after it" if asked is None and _ID.fullmatch(str(path)) else ""
        return _unread(str(path), f"cannot be read ({error.strerror or 'no reason given'}){hint}", as_json=as_json)
    claims: list[verifying.Claim] = []
    more = False
    if isinstance(registry, Datastore):
        naming = registry.manifests.naming(digest)
        more = naming.more
        for kind, identifier in naming.records:
            entry = registry.entry(identifier, kind)
            if entry is not None:
                claims += verifying.claims_of(_asked(registry, entry), digest)
    verdict = verifying.judge(size, digest, asked, claims, more=more)
    if as_json:
        out_json(
            {
                "file": str(path),
                "state": verdict.state,
                "sha256": digest,
                "size_bytes": size,
                "named_by": [verifying.claim_json(claim) for claim in verdict.claims],
                "more": verdict.more,
                "sentence": f"{shown} {verdict.sentence}",
            }
        )
        return verdict.state == "is_one"
    out(f"{shown} {verdict.sentence}")
    for claim in verdict.claims[1:_CLAIMS_SHOWN]:
        out(f"  {verifying.claim_line(claim, size)}")
    if verdict.more or len(verdict.claims) > _CLAIMS_SHOWN:
        out("  and others")
    return verdict.state == "is_one"


def _unread(name: str, sentence: str, *, as_json: bool) -> bool:
    shown = safe_text(name, 300)
    said = sentence if sentence.startswith(shown) else f"{shown} {sentence.removeprefix('it ')}"
    note(said)
    if as_json:
        nothing: dict[str, Json] = {"sha256": None, "size_bytes": None, "named_by": [], "more": False}
        out_json({"file": name, "state": "unread", **nothing, "sentence": said})
    return False


def _asked(registry: Registry, entry: Entry) -> verifying.Asked:
    beside = registry.manifests.get(entry.id)
    # A node calls its own what its key signed, which is nobody's here.
    mine = entry.mine and isinstance(registry, Datastore)
    owner = verifying.Owner(str(entry.record["owner_id"]), entry.owner_name, mine)
    manifest = None if beside is None else beside.manifest
    return verifying.Asked(entry.kind, entry.id, str(entry.record["name"]), owner, manifest)


def _name(entry: Entry) -> str:
    return f"“{safe_text(str(entry.record['name']), 60)}”"
