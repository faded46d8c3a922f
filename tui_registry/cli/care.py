"""Caring: `verify`, `identity` and `token`."""

from __future__ import annotations

import getpass
import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tui_registry import crdt
from tui_registry.cli.commands import KEEP_A_COPY, WHO_HAS_THE_KEY
from tui_registry.cli.output import (
    Column,
    FileError,
    StoppedError,
    Table,
    UsageError,
    confirm,
    note,
    out,
    out_json,
    progress_bar,
    report,
    terminal_width,
)
from tui_registry.cli.registry import open_registry, read_lines, read_text, shown_name
from tui_registry.datastore import TOKEN_FILE, TOKEN_SCOPES, Datastore, StoreError, Token, TokenScope
from tui_registry.errors import Json, OpKind, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.keystore import MAX_KEYSTORE_BYTES, read_keystore, too_weak, write_keystore
from tui_registry.present.keeping import key_copied, verified
from tui_registry.present.pulls import rejection_json
from tui_registry.records.schema import MAX_OP_BYTES
from tui_registry.text import exact, moment_utc, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.hub.postgres import PostgresLog


def verify(args: Namespace) -> int:
    """Verify the replica, or a file of operations or of proofs by itself."""
    if args.ops is not None and args.faces is not None:
        raise UsageError("--ops and --faces check a file each: name one of them")
    if args.faces is not None:
        return _verify_faces(args.faces, as_json=args.json)
    if args.ops is not None:
        return _verify_file(args.ops, as_json=args.json)
    from tui_registry.cli.hub import open_with_hub

    with open_with_hub(args) as datastore, progress_bar("checked") as show:
        found = datastore.verify(show)
    if args.json:
        out_json(
            {
                "sound": found.sound,
                "operations": found.ops,
                "records": found.records,
                "invalid": [rejection_json(each) for each in found.invalid],
                "repaired": list(found.repaired),
                "unrepaired": list(found.unrepaired),
            }
        )
    else:
        told, *notes = verified(found)
        out(told)
        for line in notes:
            note(line)
    return 0 if found.sound else 1


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
            case "list":
                _list_keys(datastore, as_json=args.json)
            case "verify":
                _verify_domain(datastore, args)
            case "statement":
                _statement(datastore, args)
            case _:
                _confirm(datastore, args, "a new key")
                _changed(datastore, datastore.key.replace(None), as_json=args.json)
    return 0


def token(args: Namespace) -> int:
    """Make, list or revoke tokens of the node, or of all nodes of the hub whose view the folder is."""
    with open_registry(args) as datastore, _tokens_of(args, datastore) as tokens:
        match args.action:
            case "add":
                asked: list[TokenScope] = args.scope or ["write"]
                scopes = [scope for scope in TOKEN_SCOPES if scope in asked]
                made = tokens.add(args.name, scopes)
                try:
                    if args.json:
                        out_json({"name": args.name, "scopes": [*scopes], "token": made})
                    else:
                        out(made)
                    sys.stdout.flush()
                except OSError:  # nobody has seen it, and its name is free again
                    tokens.revoke(args.name)
                    raise
                if not args.json:
                    note(f"this is the token '{args.name}': keep it now, it is not shown again")
            case "revoke":
                tokens.revoke(args.name)
                if args.json:
                    out_json({"name": args.name, "revoked": True})
                else:
                    # The other nodes of a hub look every other second what it has.
                    until = "" if datastore.hub.id is None else ", once the hub's nodes have seen that in some seconds"
                    out(f"revoked the token {args.name}: it opens nothing any more{until}")
            case _:
                _list_tokens(datastore.tokens.all(), as_json=args.json)
    return 0


class _Tokens(Protocol):
    """Where tokens are made and revoked."""

    def add(self, name: str, scopes: Iterable[TokenScope]) -> str: ...

    def revoke(self, name: str) -> None: ...


class _TokensOfHub:
    """The tokens that all nodes of a hub take; the folder here knows them at once, the other nodes a moment later."""

    def __init__(self, datastore: Datastore, log: PostgresLog) -> None:
        self._datastore = datastore
        self._log = log

    def add(self, name: str, scopes: Iterable[TokenScope]) -> str:
        from tui_registry.hub.admin import add_token

        made = add_token(self._log, name, scopes)
        self._take_over()
        return made

    def revoke(self, name: str) -> None:
        if name == TOKEN_FILE:  # which is this folder's own
            self._datastore.tokens.revoke(name)
            return
        self._log.tokens.revoke(name)
        self._take_over()

    def _take_over(self) -> None:
        self._datastore.tokens.take_over((one.digest, one.token) for one in self._log.tokens.all())


@contextmanager
def _tokens_of(args: Namespace, datastore: Datastore) -> Iterator[_Tokens]:
    """
    Raises:
        StoreError: of a view: `no_hub`: it is not said which hub; `hub_other`: it is another one.
    """
    if args.action == "list" or datastore.hub.id is None:
        yield datastore.tokens
        return
    from tui_registry.cli.hub import hub_log

    with hub_log(args) as log:
        if log.head().hub != datastore.hub.id:
            raise StoreError(
                "hub_other",
                f"this folder is a view of hub {datastore.hub.id[:8]}, and another one was named: name that",
            )
        yield _TokensOfHub(datastore, log)


_TOKENS = (Column("TOKEN", 12, grows=True, most=32), Column("FOR", 20), Column("MADE", 23, spare=1))


def _list_tokens(tokens: Sequence[Token], *, as_json: bool) -> None:
    if as_json:
        for token in tokens:
            out_json({"name": token.name, "scopes": [*token.scopes], "created_at": token.created_at})
        return
    if not tokens:
        note("there are no tokens yet: 'token add NAME' makes one")
        return
    table = Table(_TOKENS, terminal_width())
    out(table.header())
    for token in tokens:
        made = "by version 0.1" if token.created_at is None else moment_utc(token.created_at)
        out(table.line((token.name, ", ".join(token.scopes), made)))


# Operations in a file, checked by themselves


class OperationsError(RegistryError):
    """A file of operations that proves nothing; `code` is that of the rule which is broken, or `file`.

    Attributes:
        line: where, from 1.
    """

    def __init__(self, code: str, name: str, line: int, sentence: str) -> None:
        super().__init__(code, f"{name}, line {line}: {sentence}")
        self.line = line


class _Operation(NamedTuple):
    """What is kept of an operation that passed."""

    hash: str
    children: tuple[str, ...]
    is_rm: bool
    counter: int
    updated_at: int
    name: str
    version: str


@dataclass(slots=True)
class _Chain:
    """A record by its operations in a file."""

    kind: OpKind
    id: str
    owner: str
    ops: list[_Operation] = field(default_factory=list)

    @property
    def heads(self) -> list[_Operation]:
        """The operations that no other one in the file builds on."""
        return crdt.heads(self.ops)

    @property
    def live(self) -> list[_Operation]:
        """The versions that are live, the one that is shown first."""
        return sorted((op for op in self.heads if not op.is_rm), key=lambda op: (-op.counter, op.hash))


def _verify_file(file: str, *, as_json: bool) -> int:
    name = shown_name(file)
    try:
        chains = _checked(file, name)
    except OperationsError as error:
        return _not_sound(name, error, as_json=as_json)
    if as_json:
        records: list[Json] = [_chain_json(chain) for chain in chains]
        count = sum(len(chain.ops) for chain in chains)
        out_json({"file": name, "sound": True, "operations": count, "records": records, "proves_completeness": False})
        return 0
    for chain in chains:
        for line in _chain_lines(chain):
            out(line)
    out(f"{name} is sound: the owner signed every operation, and nothing was changed since.")
    out("This does not prove that it is all: later operations may exist.")
    return 0


def _not_sound(name: str, error: OperationsError, *, as_json: bool) -> int:
    if not as_json:
        raise error
    out_json({"file": name, "sound": False, "line": error.line, "code": error.code, "sentence": error.sentence})
    report(error)
    return 1


# Proofs that a key has two faces

# Two heads and some words are 2 kB.
_LONGEST_PROOF = 65_536


class _Proof(NamedTuple):
    key: str
    epoch: str
    size: int
    roots: tuple[str, str]


def _verify_faces(file: str, *, as_json: bool) -> int:
    name = shown_name(file)
    proofs: list[_Proof] = []
    number = 0
    try:
        for number, line in enumerate(read_lines(file, _LONGEST_PROOF), 1):
            proofs.append(_proof(line, name, number))
        if not number:
            raise OperationsError("file", name, 1, "there is no proof: the file is empty")
    except OperationsError as error:
        return _not_sound(name, error, as_json=as_json)
    if as_json:
        told: list[Json] = [
            {"key": proof.key, "epoch": proof.epoch, "size": proof.size, "roots": [*proof.roots]} for proof in proofs
        ]
        out_json({"file": name, "sound": True, "proofs": told})
        return 0
    for proof in proofs:
        of = f"{plural(proof.size, 'operation')} of log {proof.epoch}"
        out(f"0x{proof.key} signed two heads of {of}:")
        for root in proof.roots:
            out(f"  root {root}")
    out(f"{name} is sound: of each two heads one at most is true, and their key signed both.")
    return 0


def _proof(line: bytes, name: str, number: int) -> _Proof:
    """What a line proves.

    Raises:
        OperationsError: nothing.
    """
    from tui_registry.sync.tiles import LogError, parse_head

    try:
        tree: Json = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise OperationsError("not_json", name, number, "it is not JSON, one proof a line") from None
    heads = tree.get("heads") if isinstance(tree, dict) else None
    if not isinstance(heads, list) or len(heads) != 2:
        raise OperationsError("no_proof", name, number, "it has no two heads, as 'peer faces --json' writes them")
    try:
        one, other = (parse_head(json.dumps(head).encode()).head for head in heads)
    except LogError as error:
        raise OperationsError("no_proof", name, number, f"it {error.reason}") from None
    if not (one.sig and other.sig):
        raise OperationsError("no_proof", name, number, "one of its heads bears no signature, and so anybody made it")
    for what in ("node", "epoch", "size"):
        if getattr(one, what) != getattr(other, what):
            said = f"its heads are of another {what} each, and so both may be true"
            raise OperationsError("no_proof", name, number, said)
    if one.root == other.root:
        raise OperationsError("no_proof", name, number, "its heads name the same root, and so both may be true")
    return _Proof(one.node, one.epoch, one.size, (one.root, other.root))


# Files of operations


def _checked(file: str, name: str) -> list[_Chain]:
    """The records of a file of operations, every one of them checked against those before it.

    Raises:
        OperationsError: one breaks a rule, or there is none. FileError: the file cannot be read.
    """
    passed: dict[str, crdt.Ancestor] = {}
    chains: dict[str, _Chain] = {}
    number = 0
    for number, line in enumerate(read_lines(file, MAX_OP_BYTES + 1), 1):
        try:
            op, claim = _passes(line, passed)
        except crdt.OpError as error:
            cut = "" if line.endswith(b"\n") else " (the line has no end: the file may be cut short)"
            raise OperationsError(error.code, name, number, f"{error.sentence}{cut}") from error
        if op.hash in passed:
            continue  # twice in the file
        passed[op.hash] = claim
        chain = chains.setdefault(op.key, _Chain(op.kind, op.key, claim.owner))
        chain.ops.append(_kept(op, claim))
    if not number:
        raise OperationsError("file", name, 1, "there is no operation: the file is empty")
    return list(chains.values())


def _passes(line: bytes, passed: Mapping[str, crdt.Ancestor]) -> tuple[crdt.AnyOp, crdt.Ancestor]:
    """An operation that keeps every rule; what `crdt.check_op` asks, without keeping the operations before it.

    Raises:
        OpError: it does not.
    """
    op = crdt.parse_op(line.removesuffix(b"\n"))
    crdt.check_alone(op)
    missing = [child for child in op.children if child not in passed]
    if missing:
        raise crdt.OpError(
            "child",
            f"it builds on operation {missing[0][:12]}, which is not before it: lines are missing or out of order",
        )
    return op, crdt.check_against(crdt.claim_of(op), [passed[child] for child in op.children])


def _kept(op: crdt.AnyOp, claim: crdt.Ancestor) -> _Operation:
    record = op.record or {}
    name, version = str(record.get("name", record.get("subject_name", ""))), str(record.get("version", ""))
    return _Operation(op.hash, op.children, op.record is None, claim.clock, op.updated_at, name, version)


def _chain_lines(chain: _Chain) -> Iterator[str]:
    live = chain.live
    yield f"{chain.kind} {chain.id}"
    yield f"  owner       0x{chain.owner}, who signed all of it"
    yield f"  operations  {exact(len(chain.ops))}, of which {exact(sum(op.is_rm for op in chain.ops))} are removals"
    if not live:
        yield "  live        none: the record is deleted"
    elif len(live) > 1:
        yield f"  live        {exact(len(live))} versions: a conflict, which its owner settles"
    for place, op in enumerate(live):
        label = "" if len(live) > 1 else "live"
        named = f"{safe_text(op.name, 60)} {safe_text(op.version, 40)}"
        shown = ", which is shown" if len(live) > 1 and not place else ""
        yield f"  {label:<12}{op.hash[:12]}  {named}, written {moment_utc(op.updated_at)}{shown}"


def _chain_json(chain: _Chain) -> dict[str, Json]:
    live = chain.live
    return {
        "kind": chain.kind,
        "id": chain.id,
        "owner": chain.owner,
        "operations": len(chain.ops),
        "versions": sum(not op.is_rm for op in chain.ops),
        "heads": [op.hash for op in chain.heads],
        "live": [{"hash": op.hash, "name": op.name, "version": op.version, "updated_at": op.updated_at} for op in live],
        "conflict": len(live) > 1,
        "deleted": not live,
    }


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
    identity, path = datastore.key.identity(), Path(args.file)
    write_keystore(path, identity, ask_passphrase(args.passphrase_file, new=True))
    if args.json:
        out_json({"address": identity.address, "file": str(path)})
    else:
        out(key_copied(identity.address, path))


def _import(datastore: Datastore, args: Namespace) -> None:
    text = read_text(args.file, MAX_KEYSTORE_BYTES)
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


# What domains say of keys


def _list_keys(datastore: Datastore, *, as_json: bool) -> None:
    """The keys that have a name here, or that a domain named."""
    from tui_registry.present.owners import said_by_domain

    names, domains, now = datastore.names.all(), datastore.domains.all(), int(time.time())
    own = datastore.key.known
    for address in sorted({*names, *domains}, key=lambda each: (names.get(each, "\U0010ffff"), each)):
        said = domains.get(address, ())
        if as_json:
            told: list[Json] = [{"domain": each.domain, "said_at": each.said_at} for each in said]
            out_json({"address": address, "name": names.get(address), "domains": told})
            continue
        called = "you" if address == own else safe_text(names.get(address, "-"))
        out(f"0x{address}  {'  '.join((called, *(said_by_domain(each, now) for each in said)))}")
    if not names and not domains and not as_json:
        note("no key has a name here: 'identity name ADDRESS NAME' gives one, 'identity verify DOMAIN' asks a domain")


def _verify_domain(datastore: Datastore, args: Namespace) -> None:
    """Ask a domain which keys are its own, and keep what it says.

    Raises:
        DomainError: it cannot be asked, or says nothing that can be read; then what it said before stays.
        StoreError: `not_found` when there is nothing to forget.
    """
    from tui_registry.sync.domains import domain_name, read_domain

    if args.forget:
        domain = domain_name(args.domain)
        if not datastore.domains.drop(domain):
            raise StoreError("not_found", f"{domain} has said nothing here")
        if args.json:
            out_json({"domain": domain, "keys": [], "unproven": 0, "said_at": None})
        return
    datastore.expect_writable()
    found = read_domain(args.domain)
    at = datastore.domains.put(found.domain, found.keys)
    if args.json:
        out_json({"domain": found.domain, "keys": [*found.keys], "unproven": found.unproven, "said_at": at})
        return
    names = datastore.names.all()
    for address in found.keys:
        called = f"  {safe_text(names[address])}" if address in names else ""
        out(f"0x{address}{called}")
    if found.keys:
        note(f"{found.domain} says that {'this key is' if len(found.keys) == 1 else 'these keys are'} its own")
    else:
        note(f"{found.domain} names no key that agreed to it")
    if found.unproven:
        left = "1 entry" if found.unproven == 1 else f"{exact(found.unproven)} entries"
        note(f"{left} more in its file: no signature by the key that is named")


def _statement(datastore: Datastore, args: Namespace) -> None:
    from tui_registry.sync.domains import PLACE, domain_file

    told = domain_file(args.domain, datastore.key.identity())
    out_json(told)
    note(f"publish this as https://{told['domain']}{PLACE}")


# ---- its passphrase -------------------------------------------------------------------------------------------------


def ask_passphrase(file: str | None, *, new: bool) -> bytes:
    """The passphrase: the first line of a file, or typed by a person, twice when it is a new one.

    Raises:
        UsageError: nobody can be asked, what was typed is no text, or it is too short for a new one.
        StoppedError: the two that were typed differ.
        FileError: the file cannot be read.
    """
    if file is not None:
        phrase = _first_line(file)
    elif sys.stdin.isatty():
        phrase = _typed("Passphrase: ")
        if new and _typed("The same again: ") != phrase:
            raise StoppedError("the two passphrases differ: nothing was written")
    else:
        raise UsageError("nobody can be asked for the passphrase: put it in a file and name it with --passphrase-file")
    weak = too_weak(phrase) if new else None
    if weak is not None:
        raise UsageError(weak)
    return phrase.encode()


def _typed(question: str) -> str:
    try:
        typed = getpass.getpass(question)
        typed.encode()  # where the locale has no encoding, bytes that are none come through
    except UnicodeError:
        raise UsageError("what was typed is not text in the encoding of this terminal: look at its settings") from None
    return typed


def _first_line(name: str) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.readline(4096).rstrip("\r\n")
    except OSError as error:
        raise FileError(f"{safe_text(name)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FileError(f"{safe_text(name)} is not UTF-8 text") from None
