"""What is fuzzed: each target takes any bytes, and lets out only what is wrong with the program.

A target fails by an exception that its decoder does not declare, and by a law that must hold for what it takes: what is
read can be written again, and says the same as another reader of the same format.
"""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha3_256
from pathlib import Path
from typing import NamedTuple

from tests.crdt import model
from tests.crdt.making import removal_of, root, write_on
from tests.formfile.texts import EVERYTHING
from tests.seeds import NOW, seed
from tui_registry import keystore
from tui_registry.cli.build import read_signed
from tui_registry.crdt import OpError, parse_op
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import KINDS, InvalidRecord, Json
from tui_registry.formfile import (
    complete as complete_formfile,
    format as format_formfile,
    parse as parse_formfile,
    recognise,
    render,
    tokens,
)
from tui_registry.formfile.bundle import BundleError, check_bundle, make_bundle
from tui_registry.importers.own_documents import read_text
from tui_registry.node.requests import members
from tui_registry.present.pulls import read_report
from tui_registry.query import QueryError, complete, describe, parse
from tui_registry.records.as_written import read_record
from tui_registry.records.authoring import check
from tui_registry.records.documents import DocumentError, load_document
from tui_registry.records.wire import check_shape
from tui_registry.replica.log.judge import Checked, judge
from tui_registry.settings import SettingsError, load_settings
from tui_registry.sync.comparing import (
    Keys,
    Range,
    RangeError,
    compare,
    describe as describe_range,
    question as ask_again,
    read_question,
)
from tui_registry.sync.tiles import LogError, Span, Unpacker, pack, parse_head, spell_head, split


class Target(NamedTuple):
    """One decoder. `words` are what inputs of its format are made of."""

    run: Callable[[bytes], None]
    seeds: list[bytes]
    words: list[bytes]


BASE = root(description="Größe \U0001f600", tags=["chat", "code"])
OPS = [BASE.body, write_on(BASE, name="x").body, removal_of(BASE).body, root("agent").body]
# A log of a hundred operations, and another's of as many that says what it has.
KEYS = Keys(b"".join(number.to_bytes(8, "big") + sha3_256(b"%d" % number).digest() for number in range(100)))
WHOLE = Range(b"", None, KEYS.size, int(KEYS.fingerprint, 16))
CODES = {"malformed", "limit", "key", "hash", "signature", "actor", "owner", "id", "child", "unsupported"}
JSON_WORDS = [
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"1e9", b"-0", b"1.0", b"NaN", b"9" * 25, b"\\u0000",
    b"\\ud800", b"\\u001b", b"\xed\xa0\x80", b"\xff", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b'{"Other":"x"}', b"\n",
]  # fmt: skip


def text_of(data: bytes) -> str:
    """Text as programs get it: sometimes with what no UTF-8 file holds."""
    return data.decode("utf-8", "surrogateescape" if data[:1] == b"\xff" else "replace")


# ---- from peers ----------------------------------------------------------------------------------------------------------------


def op(data: bytes) -> None:
    """A line of a log: a verdict with a declared code, the oracle's, and words that can be stored and shown."""
    (found,) = judge([data])
    code = ""
    if not isinstance(found, Checked):
        code, sentence = found
        assert code in CODES, found
        assert sentence
        assert "could not be checked" not in sentence, sentence
        assert sentence.isprintable()
        assert len(sentence) < 1_000
    if len(data) <= 65_536:
        verdict = model.judge(data)
        expected = verdict if isinstance(verdict, str) else ""
        # Of a later version's op, readers of JSON may disagree whether it is JSON (surrogates, depth, a member twice):
        # nobody keeps it either way.
        assert code == expected or {code, expected} == {"malformed", "unsupported"}, (code, expected)
    try:
        read = parse_op(data)
    except OpError as error:
        assert error.code in CODES
    else:
        assert read.to_json() == data
        assert len(read.computed_hash()) == 64


def tile(data: bytes) -> None:
    """gzip of NDJSON, in pieces as a network delivers it."""
    unpacker = Unpacker(1 << 16)
    cut = len(data) // 3
    try:
        for piece in (data[:cut], data[cut : 2 * cut], data[2 * cut :]):
            unpacker.feed(piece)
        lines = unpacker.lines(data[0] % 4 + 1 if data else 1)
    except LogError as error:
        assert error.code in ("bad_tile", "too_large")
        return
    assert all(line and b"\n" not in line for line in lines)
    again = Unpacker(1 << 20)
    again.feed(pack(lines))
    assert again.lines(len(lines)) == lines


def answer(data: bytes) -> None:
    """NDJSON as an answer to a question, and the report on a push."""
    try:
        assert b"".join(line + b"\n" for line in split(data, len(data))) == data
    except LogError as error:
        assert error.code == "bad_tile"
    try:
        told: Json = json.loads(data)
    except (ValueError, RecursionError):
        return
    result = read_report(told)
    assert all(0 <= count <= 2**53 for count in (result.applied, result.known, result.pending, result.unsupported))


def comparison(data: bytes) -> None:
    """What a peer asks about ranges of a log, and what one answers."""
    try:
        tree: Json = json.loads(data)
    except (ValueError, RecursionError):
        return
    with suppress(RangeError):
        assert len(ask_again([Range(low, high, 0, 0) for low, high in read_question(tree)])) == len(tree)
    with suppress(RangeError):
        hashes, parts = compare(KEYS, WHOLE, tree)
        assert not (hashes and parts)
        assert sum(part.count for part in parts) <= WHOLE.count
        assert len(hashes) <= WHOLE.count


def head(data: bytes) -> None:
    """A head, and the names of tiles."""
    try:
        read = parse_head(data)
    except LogError as error:
        assert error.code in ("not_a_node", "bad_head")
        assert error.reason.isprintable()
    else:
        assert re.fullmatch("[0-9a-f]{32}", read.head.epoch, re.ASCII)
        assert parse_head(spell_head(read.head, ranges=read.ranges)) == read
    name = data.decode("latin-1")
    span = Span.from_name(name)
    assert span is None or span.name == name


# ---- from callers and files ------------------------------------------------------------------------------------------------------


def body(data: bytes) -> None:
    """The body of a request: a record, a question."""
    try:
        tree = load_document(text_of(data), "body.json")
    except DocumentError as error:
        assert "body.json" in error.sentence
        return
    _reads_as_a_record(tree)
    try:
        members(tree, {"query": "text", "limit": "a number"})
    except InvalidRecord as error:
        _sound(error)


def file(data: bytes) -> None:
    """A file that a person or a program wrote: JSON, YAML, one record or many."""
    text = text_of(data)
    for name in ("x.yaml", "x.json", "x"):
        for found in read_text(text, name):
            assert (found.record is None) == bool(found.problems) or found.record is not None
            if found.record is not None and found.kind is not None:
                check_shape(found.kind, found.record)
        try:
            tree = load_document(text, name)
        except DocumentError as error:
            assert error.sentence.startswith(name)
            assert error.sentence.isprintable()
        else:
            _reads_as_a_record(tree)


def _reads_as_a_record(tree: Json) -> None:
    for kind in KINDS:
        try:
            record = read_record(kind, tree)
        except InvalidRecord as error:
            _sound(error)
        else:
            check_shape(kind, record)
            for problem in check(kind, record):
                assert problem.sentence
                assert problem.code


def _sound(error: InvalidRecord) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.sentence
        problem.sentence.encode()


def query(data: bytes) -> None:
    """A query, read, explained, completed and asked of a replica; its cursor too."""
    text = text_of(data)
    try:
        read = parse(text, now=NOW)
    except QueryError as error:
        assert error.sentence
        assert 0 <= error.position <= len(text) + 1
    else:
        assert parse(str(read), now=NOW).where == read.where
        assert describe(read) is not None
    for at in (0, len(text) // 2, len(text)):
        complete(text, at, lambda *_: [])
    for asked in (
        {"query": text},
        {"query": "sort:name", "cursor": stamp("sort:name") + text},
        {"query": "llama", "cursor": stamp("llama") + text},
        {"cursor": text},
        {"sort": text},
    ):
        try:
            page = replica().search(limit=3, **asked)
        except (QueryError, StoreError) as error:
            assert error.sentence
        else:
            assert len(page.rows) <= 3


@cache
def stamp(text: str) -> str:
    """What the cursors of a query begin with: without it no other part of them is read."""
    return (replica().search(text, limit=1).next or "")[:16]


@cache
def replica() -> Datastore:
    """A small one to ask."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    datastore = Datastore.open(folder, clock=lambda: NOW)
    seed(datastore, 30)
    return datastore


def formfile(data: bytes) -> None:
    """A Formfile, in every form that it comes in: nothing is raised."""
    text = text_of(data)
    for mode in ("lint", "strict"):
        for problem in parse_formfile(text, mode).problems:
            assert problem.sentence
            assert problem.line >= 1
    recognised = recognise(text)
    parse_formfile(recognised.text)
    formatted = format_formfile(text)
    assert format_formfile(formatted) == formatted
    render(text, {"passwd": "a b", "port": "{{ port }}", "name": "\x1b[31m"})
    for line, content in enumerate(text.split("\n")[:4], 1):
        list(tokens(content))
        complete_formfile(text, line, len(content) + 1)


def locked(data: bytes) -> None:
    """A keystore. The most that it may cost is small here, so that a fuzzer has something to do."""
    allowed = keystore._MOST_SCRYPT_BYTES, keystore._MOST_ROUNDS
    keystore._MOST_SCRYPT_BYTES, keystore._MOST_ROUNDS = 1 << 18, 64
    try:
        keystore.read_keystore(text_of(data), b"testpassword")
    except keystore.KeystoreError as error:
        assert error.sentence.isprintable()
    finally:
        keystore._MOST_SCRYPT_BYTES, keystore._MOST_ROUNDS = allowed


def bundle(data: bytes) -> None:
    """A build bundle: a tar from anywhere."""
    try:
        read = check_bundle(data, read_signed)
    except BundleError as error:
        assert error.sentence
    else:
        assert read.data == data


def settings(data: bytes) -> None:
    """The settings file."""
    path = _scratch() / "settings.toml"
    path.write_bytes(data)
    try:
        load_settings(path)
    except SettingsError as error:
        assert error.sentence.isprintable()


@cache
def _scratch() -> Path:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


# The test vectors of the Web3 Secret Storage Definition, with a cost that is next to nothing.
_KEYSTORES = [
    {"version": 3, "crypto": {"cipher": "aes-128-ctr", "cipherparams": {"iv": "00" * 16}, "ciphertext": "00" * 32,
     "kdf": "pbkdf2", "kdfparams": {"c": 2, "dklen": 32, "prf": "hmac-sha256", "salt": "ae3c" * 8}, "mac": "00" * 32}},
    {"version": 3, "crypto": {"cipher": "aes-128-ctr", "cipherparams": {"iv": "00" * 16}, "ciphertext": "00" * 32,
     "kdf": "scrypt", "kdfparams": {"n": 2, "r": 1, "p": 1, "dklen": 32, "salt": "ab" * 32}, "mac": "00" * 32}},
]  # fmt: skip
_RECORD = {
    "name": "x",
    "version": "1.0.0",
    "license": "MIT",
    "parameters": "7b",
    "tags": ["a"],
    "framework": {"Other": "y"},
}
_HEAD = {"epoch": "e" * 32, "size": 3, "fingerprint": "0" * 64, "node": "a" * 40}


def _bundles() -> list[bytes]:
    signed = read_signed(root(formfile_template=EVERYTHING).body, "tiny")
    return [make_bundle(signed, {"passwd": "x"}).data, make_bundle(signed, {"passwd": "x", "port": "1"}).data]


TARGETS: dict[str, Target] = {
    "op": Target(op, OPS, [*JSON_WORDS, b'"Up"', b'"Rm"', b'"Model"', b'"Agent"', b'"Mv"', b"0" * 64]),
    "tile": Target(tile, [pack(OPS[:1]), pack(OPS[:2]), pack([b"{}"] * 3)], [b"\n", b"\0", b"\x1f\x8b\x08", b"\xff\xff"]),
    "answer": Target(answer, [b"{}\n[]\n", b'{"applied":1,"rejected":[{}]}'], [*JSON_WORDS, b'"applied":', b"\0"]),
    "comparison": Target(
        comparison, [json.dumps(tree).encode() for tree in (describe_range(KEYS, b"", None), describe_range(KEYS, KEYS.key(90), None), [[None, "0" * 80]])],
        [*JSON_WORDS, b'"parts":', b'"hashes":', b'"to":', b'"count":', b'"fingerprint":', b"0" * 64, b"f" * 80],
    ),
    "head": Target(
        head, [json.dumps(_HEAD).encode(), json.dumps(_HEAD | {"ranges": True}).encode(), b"7.5-12.ndjson.gz", b"0.ndjson.gz"],
        [*JSON_WORDS, b"-", b".", b"00", b"256"],
    ),
    "body": Target(
        body, [json.dumps(_RECORD).encode(), b'{"query":"llama","limit":5}', json.dumps(model.judge(OPS[0])[-1]).encode()],
        [*JSON_WORDS, b'"resource_requirements":{', b'"model_type":"LLM"'],
    ),
    "file": Target(
        file, [json.dumps(_RECORD).encode(), b"kind: model\nname: x\ntags: [a, b]\nparameters: 7b\n", b"- name: a\n- name: b\n"],
        [*JSON_WORDS, b"---\n", b"- ", b": ", b"&a ", b"*a", b"!!str ", b"<<: ", b"|\n  ", b">\n", b"? ", b"%YAML 1.1\n", b"\t"],
    ),
    "query": Target(
        query, [b"llama params:<=8b license:apache-2.0 -tag:x", b'"a b" OR (NOT is:mine) sort:-params', b"updated:7d context:32k.."],
        [b":", b"(", b")", b'"', b"-", b"OR ", b"NOT ", b"<=", b"..", b"*", b"@", b"is:", b"sort:", b"owner:", b"\xcc\x81", b"\0", b"^", b","],
    ),
    "formfile": Target(
        formfile, [EVERYTHING.encode(), b'{"system":[],"users":[{"username":"a"}]}', b"TkFNRSB4Cg=="],
        [b"{{", b"}}", b"\\\n", b"#? ", b"USER ", b"ENV ", b"ENTRYPOINT [", b'"', b"'", b"$6$x$", b"-----BEGIN PRIVATE KEY-----\n", b"\t", b"\r", b"\0"],
    ),
    "keystore": Target(
        locked, [json.dumps(tree).encode() for tree in _KEYSTORES], [*JSON_WORDS, b'"scrypt"', b'"pbkdf2"', b'"n":', b'"c":', b"16384"],
    ),
    "bundle": Target(bundle, _bundles(), [b"\0" * 512, b"ustar", b"../", b"manifest.json", b"0" * 11, b"\xff" * 8]),
    "settings": Target(
        settings, [b'theme = "nord"\nname = "laptop"\n', b"[theme]\nx = 1\n"], [b"[[", b"]]", b'"""', b"'''", b"= ", b"\\u", b"{", b".", b"\n"],
    ),
}  # fmt: skip
