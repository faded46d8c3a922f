"""The protocol page is complete and true: what it says is read here as a stranger would, and tried against its examples
and against this program.

The half of this file above "The page and this program" is a second implementation, made from the page: its tables of
fields and enums are read from the page itself. Only recovering a key is the library's.
"""

from __future__ import annotations

import ast
import dataclasses
import gzip
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from Crypto.Hash import keccak

import tui_registry
from tests.codes import codes_of
from tests.node.conftest import bearer
from tests.seeds import NOW
from tui_registry import formfile, licences
from tui_registry.crdt import Identity, OpError, chain_of_children, check_op, claimed_hash, keys as curve, parse_op
from tui_registry.crdt.key_state import heads, winner
from tui_registry.crdt.keys import recover
from tui_registry.crdt.op import MAX_COUNTER
from tui_registry.datastore import Datastore, Head, StoreError
from tui_registry.errors import KINDS
from tui_registry.node import running
from tui_registry.node.limits import MAX_KEY, MAX_PAGE, MAX_QUESTION_TEXT, MAX_VERSIONS, PAGE, NodeBounds
from tui_registry.node.responses import _STATUS
from tui_registry.present.pulls import SyncError
from tui_registry.records import authoring, derive_id, schema, wire
from tui_registry.records.wire import canonical_bytes
from tui_registry.replica.log.arrivals import MAX_PENDING, MAX_PENDING_BYTES, MAX_REJECTED
from tui_registry.replica.log.turns import KEPT_SECONDS, MAX_KEYS
from tui_registry.sync import comparing as ranges
from tui_registry.sync.bounds import TILE_OPS, Bounds
from tui_registry.sync.recommended import (
    LONGEST_URL,
    MOST_BYTES,
    MOST_RECOMMENDED,
    read_recommended,
    spell_recommended,
)
from tui_registry.sync.tiles import MAX_SIZE, Span, Unpacker, etag_of_head, pack, parse_head, spell_head

HOME = Path(tui_registry.__file__).parent
PAGE_TEXT = (HOME / "protocol.md").read_text()
EXAMPLES: dict[str, str] = dict(re.findall(r"```\w+ example=([\w-]+)\n(.*?)\n```", PAGE_TEXT, re.DOTALL))
LOG = EXAMPLES["log"].encode().split(b"\n")


def section(heading: str) -> str:
    return PAGE_TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(text: str, title: str) -> list[list[str]]:
    """The rows of the first table behind a title, each cell as written."""
    rows = re.search(r"(?:^\|.*\n?)+", text[text.index(title) :], re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in rows[0].splitlines()[2:]]


def bytes_of(name: str) -> bytes:
    return bytes.fromhex(EXAMPLES[name].replace("\n", ""))


# ---- A second implementation ----------------------------------------------------------------------------------------


def set_of(hashes: list[bytes]) -> str:
    expanded = [hashlib.shake_256(one).digest(2048) for one in hashes]
    lanes = [sum(int.from_bytes(one[at : at + 2], "little") for one in expanded) for at in range(0, 2048, 2)]
    return hashlib.sha3_256(b"".join((lane % 2**16).to_bytes(2, "little") for lane in lanes)).hexdigest()


def tree_of(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1  # the largest power of two below their number
    return hashlib.sha256(b"\1" + tree_of(leaves[:half]) + tree_of(leaves[half:])).digest()


# Of a manifest, what lies in a field that holds structs.
PARTS = {
    "artifacts": "Artifact", "interfaces": "Interface", "derived_from": "Derivation", "architecture": "Architecture",
    "evaluations": "Evaluation",
}  # fmt: skip
ENUMS = {
    name: re.findall(r"`(\w+)`", names.partition("without")[0])
    for heading in ("Records", "Manifests")
    for name, names in table(section(heading), "| enum |")
}
STRUCTS = {
    name: [(field.strip("`"), of) for field, of, *_ in table(section(heading), f"**{name}**")]
    for heading, names in (
        ("Records", ("AIModel", "AIAgent", "ModelResourceRequirements", "AgentResourceRequirements")),
        ("Manifests", ("Manifest", *PARTS.values())),
    )
    for name in names
}
STRUCT_OF = {"Model": "AIModel", "Agent": "AIAgent", "Manifest": "Manifest"}
SIZES = {"u8": 1, "u32": 4, "u64": 8, "i64": 8}


def encoded(of: str, value: Any) -> bytes:
    """A value as canonical bytes, by the type that the page's tables state."""
    if of.endswith(" or null"):
        return b"\0" if value is None else b"\1" + encoded(of.removesuffix(" or null"), value)
    if match := re.fullmatch(r"list of (.+), \d+", of):
        return u64(len(value)) + b"".join(encoded(match[1], item) for item in value)
    if of.startswith(("text", "hex", "URI")):
        return u64(len(value.encode())) + value.encode()
    if of in SIZES:
        return int(value).to_bytes(SIZES[of], "little", signed=of == "i64")
    if of == "bool":
        return b"\1" if value else b"\0"
    if of in ENUMS:
        if isinstance(value, dict):
            return len(ENUMS[of]).to_bytes(4, "little") + encoded("text", value["Other"])
        return ENUMS[of].index(value).to_bytes(4, "little")
    assert list(value) == [name for name, _ in STRUCTS[of]]
    return b"".join(encoded(inner, value[name]) for name, inner in STRUCTS[of])


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def id_of(kind: str, record: dict[str, Any]) -> str:
    preimage = [kind, record["owner_id"], record["name"]]
    created = record["created_at"].to_bytes(8, "big", signed=True)
    return sha3(b"\0".join([*(part.encode() for part in preimage), created]))


def sha3(data: bytes) -> str:
    return hashlib.sha3_256(data).hexdigest()


@cache
def read(line: bytes) -> tuple[str, str, dict[str, Any]]:
    """Kind, form and members of an operation."""
    ((variant, inner),) = json.loads(line).items()
    ((form, members),) = inner.items()
    return variant, form, members


def preimage(line: bytes) -> bytes:
    """What an operation's hash is taken over."""
    variant, form, members = read(line)
    if form == "Rm":
        start = b"tui_registry/rm/1\0" + variant.lower().encode() + b"\0" + members["keyset"][0].encode()
        end = members["updated_at"].to_bytes(8, "big", signed=True)
        return start + joined(members["children"]) + clock(members["clock"]) + end
    inner = members["op"]["op"]
    record = encoded(STRUCT_OF[variant], inner["value"])
    return joined(inner["children"]) + record + clock(inner["vclock"])


def joined(children: list[str]) -> bytes:
    return "".join(sorted(children)).encode()


def clock(entries: dict[str, int]) -> bytes:
    return b"".join(actor.encode() + entries[actor].to_bytes(8, "big") for actor in sorted(entries))


def signed(line: bytes) -> dict[str, Any]:
    """The members `hash` and `signature`, and what else both forms have, from wherever they stand."""
    _, form, members = read(line)
    if form == "Rm":
        return {**members, "live": False, "key": members["keyset"][0]}
    inner = members["op"]["op"]
    return {
        **members["op"],
        "children": inner["children"],
        "clock": inner["vclock"],
        "live": True,
        "key": members["key"],
    }


def state(lines: list[bytes], key: str) -> dict[str, Any]:
    ops = [op for op in map(signed, lines) if op["key"] == key]
    named = {child for op in ops for child in op["children"]}
    heads = [op for op in ops if op["hash"] not in named]
    live = sorted((-max(op["clock"].values()), op["hash"]) for op in heads if op["live"])
    return {
        "after": len(lines),
        "heads": sorted(op["hash"] for op in heads),
        "record": live[0][1] if live else None,
    }


def sum_of(hashes: Iterator[str] | list[str]) -> str:
    return f"{sum(int(item, 16) for item in hashes) % 2**256:064x}"


# The log of the example of reconciliation: pairs of key and hash in hex, ascending.
KEYS = sorted(
    (1767225600 + number).to_bytes(8, "big").hex() + hashlib.sha256(str(number).encode()).hexdigest()
    for number in range(40)
)


def described(low: str | None, high: str | None) -> dict[str, Any]:
    inside = [key for key in KEYS if (low or "") <= key and (high is None or key < high)]
    if len(inside) <= 32:
        return {"hashes": [key[16:] for key in inside]}
    cuts = [len(inside) * number // 16 for number in range(17)]
    return {
        "parts": [
            {
                "to": inside[end] if end < len(inside) else high,
                "count": end - start,
                "digest": hashlib.sha256(bytes.fromhex("".join(inside[start:end]))).hexdigest(),
                "fingerprint": sum_of([key[16:] for key in inside[start:end]]),
            }
            for start, end in pairwise(cuts)
        ]
    }


def test_the_address_is_that_of_the_point() -> None:
    _, secret, _, *point, _, address = EXAMPLES["key"].split()
    assert secret == hashlib.sha256(b"tui_registry protocol page").hexdigest()
    assert keccak.new(digest_bits=256, data=bytes.fromhex("".join(point))[1:]).hexdigest()[-40:] == address
    assert Identity(bytes.fromhex(secret)).address == address


@pytest.mark.parametrize("kind", KINDS)
def test_the_records_have_these_bytes_and_ids(kind: str) -> None:
    record = json.loads(EXAMPLES[kind])
    assert encoded(STRUCT_OF[kind.title()], record) == bytes_of(f"{kind}-bytes")
    said = dict(line.split() for line in EXAMPLES["ids"].splitlines())
    assert id_of(kind, record) == record[f"{kind}_id"] == said[kind]


def test_the_operations_have_these_hashes_and_signatures() -> None:
    for line in LOG:
        op = signed(line)
        assert sha3(preimage(line)) == op["hash"]
        (signer,) = op["clock"]
        digest, signature = bytes.fromhex(op["hash"]), op["signature"]
        assert recover(digest, bytes.fromhex(signature["sig"]), signature["rec"]) == signer
        assert json.dumps(json.loads(line), separators=(",", ":"), ensure_ascii=False).encode() == line
    assert preimage(LOG[4]) == bytes_of("rm-preimage")


def test_the_states_are_these() -> None:
    said = json.loads(EXAMPLES["states"])
    assert said == [state(LOG[:count], signed(LOG[0])["key"]) for count in (4, 5)]


def test_the_head_and_the_tile_are_of_the_operations() -> None:
    head = json.loads(EXAMPLES["head"])
    assert (head["size"], head["fingerprint"]) == (5, sum_of([signed(line)["hash"] for line in LOG]))
    hashes = [bytes.fromhex(signed(line)["hash"]) for line in LOG]
    assert (head["set"], head["root"]) == (set_of(hashes), tree_of(hashes).hex())
    assert gzip.decompress(bytes_of("tile")) == b"".join(line + b"\n" for line in LOG)
    assert f'"{head["epoch"]}.{head["size"]}.{head["fingerprint"][:16]}"' in section("Heads")


def symbols_of(hashes: list[bytes], count: int) -> bytes:
    symbols = [[0, 0, 0] for _ in range(count)]
    for one in hashes:
        t = hashlib.shake_256(b"tui_registry/symbols/1\0" + one).digest(128)
        i = 0
        for k in range(1, 61):
            if i < count:
                symbols[i][0] += int.from_bytes(one, "little")
                symbols[i][1] += int.from_bytes(t[:8], "little")
                symbols[i][2] += 1
            r = int.from_bytes(t[6 + 2 * k : 8 + 2 * k], "little")
            i = max(i + 1, math.isqrt((i + 1) * (i + 2) * 65536 // (r + 1)) - 1)
    return b"".join(
        (total % 2**256).to_bytes(32, "little") + (check % 2**64).to_bytes(8, "little") + number.to_bytes(2, "little")
        for total, check, number in symbols
    )


def test_the_answer_about_differences_is_of_the_operations(tmp_path: Path) -> None:
    question = json.loads(EXAMPLES["difference-question"])
    line, rest = bytes_of("difference-answer").split(b"\n", 1)
    hashes = [bytes.fromhex(signed(line)["hash"]) for line in LOG]
    assert json.loads(line) == {"size": question["size"]}
    assert rest == symbols_of(hashes, question["symbols"][1])
    with Datastore.open(tmp_path) as store:
        store.apply(LOG)
        epoch = store.log.head().epoch
        store.log.renew_epoch(epoch, question["epoch"])
        with running(store) as node:
            answer = httpx.post(f"{node.url}/sync/difference", json=question, trust_env=False, verify=False)
    assert answer.content == bytes_of("difference-answer")


def tree_root(hashes: list[str]) -> bytes:
    """By the definition of RFC 6962, section 2.1."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashlib.sha256(b"\0" + bytes.fromhex(hashes[0])).digest()
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_root(hashes[:left]) + tree_root(hashes[left:])).digest()


def head_preimage(head: dict[str, Any]) -> bytes:
    start = b"tui_registry/head/1\0" + bytes.fromhex(head["epoch"]) + head["size"].to_bytes(8, "big")
    hashes = bytes.fromhex(head["fingerprint"] + head["set"] + head["root"])
    return start + hashes + head["signed_at"].to_bytes(8, "big", signed=True)


def head_signer(head: dict[str, Any]) -> str | None:
    sig = bytes.fromhex(head["sig"])
    return recover(hashlib.sha3_256(head_preimage(head)).digest(), sig[:64], sig[64])


def test_the_head_is_signed_by_its_key_and_the_root_is_of_the_operations() -> None:
    head = json.loads(EXAMPLES["head"])
    assert head_preimage(head) == bytes_of("head-preimage")
    assert f"{len(bytes_of('head-preimage'))}\nbytes" in section("Signed heads")
    assert head_signer(head) == head["node"] == EXAMPLES["key"].split()[-1]
    assert head["root"] == tree_root([signed(line)["hash"] for line in LOG]).hex()


def test_the_proof_has_two_heads_that_cannot_both_be_true() -> None:
    proof = json.loads(EXAMPLES["faces"])
    one, other = proof["heads"]
    assert head_signer(one) == head_signer(other) == one["node"] == other["node"] == proof["key"]
    for member in ("epoch", "size"):
        assert one[member] == other[member] == proof[member]
    assert one["root"] != other["root"]


def test_the_answer_by_hash_has_children_first_and_nothing_unknown() -> None:
    asked = json.loads(EXAMPLES["get-question"])["hashes"]
    answer = EXAMPLES["get-answer"].encode().split(b"\n")
    assert answer == [line for line in LOG if signed(line)["hash"] in asked]
    assert len(answer) == 2 < len(asked)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_answers_of_a_reconciliation_are_these(number: int) -> None:
    question, answer = EXAMPLES[f"reconcile-{number}"].split("\n", 1)
    said = json.loads(answer)
    assert said["ranges"] == [described(low, high) for low, high in json.loads(question)["ranges"]]
    assert (said["size"], said["fingerprint"]) == (40, sum_of([key[16:] for key in KEYS]))


# ---- The page and this program --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_this_program_gives_the_records_the_same_bytes_and_ids(kind: Any) -> None:
    record = json.loads(EXAMPLES[kind])
    assert canonical_bytes(kind, record) == bytes_of(f"{kind}-bytes")
    assert derive_id(kind, record["owner_id"], record["name"], record["created_at"]) == record[f"{kind}_id"]


def test_this_program_takes_the_operations_and_answers_as_the_page_says(tmp_path: Path) -> None:
    ops = [parse_op(line) for line in LOG]
    for op in ops:
        check_op(op, [child for child in ops if child.hash in op.children])
        assert claimed_hash(op.body) == op.hash
    for said in json.loads(EXAMPLES["states"]):
        of_key = [op for op in ops[: said["after"]] if op.key == ops[0].key]
        assert [head.hash for head in heads(of_key)] == said["heads"]
    with Datastore.open(tmp_path, clock=lambda: NOW) as registry:
        assert registry.apply(LOG[3::-1]).applied == 4
        record = registry.get_model(ops[0].key)
        assert record is not None
        chosen = next(op for op in ops if op.hash == json.loads(EXAMPLES["states"])[0]["record"])
        assert record.to_plain() == chosen.record
        assert [row.id for row in registry.conflicts()] == [ops[0].key]
        assert registry.apply(LOG).applied == 1
        assert registry.get_model(ops[0].key) is None
        head = registry.log.head()
        assert head.fingerprint == json.loads(EXAMPLES["head"])["fingerprint"]
        asked = json.loads(EXAMPLES["get-question"])["hashes"]
        assert b"\n".join(registry.log.by_hash(asked, 2**22)).decode() == EXAMPLES["get-answer"]


def test_a_node_tells_of_the_conflict_as_the_page_says(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as registry:
        registry.key.replace(Identity(bytes.fromhex(EXAMPLES["key"].split()[1])))
        assert registry.apply(LOG[:4]).applied == 4
        (row,) = registry.conflicts()
        url, headers = f"/models/{row.id}", {"authorization": bearer(registry)}
        with (
            running(registry) as address,
            httpx.Client(base_url=address.url, trust_env=False, timeout=30, verify=False) as asking,
        ):
            shown = asking.get(url)
            refused = asking.put(url, json=shown.json(), headers=headers)
    assert (refused.status_code, refused.json()) == (409, json.loads(EXAMPLES["conflict"]))
    told = shown.json()
    assert told["revision"] == sha3("".join(told["heads"]).encode())
    assert shown.headers["etag"] == f'"{told["revision"]}.{sha3(shown.content)[:16]}"'


def test_this_program_refuses_the_spoilt_operation_for_its_hash() -> None:
    with pytest.raises(OpError) as caught:
        check_op(parse_op(EXAMPLES["spoilt"].encode()), [parse_op(LOG[0])])
    assert caught.value.code == "hash"


def test_the_recommended_peers_are_spelt_and_read_as_the_page_says() -> None:
    example = EXAMPLES["recommended"].encode()
    assert spell_recommended(read_recommended(example)) == example
    said = section("Recommended peers")
    for bound in (f"{LONGEST_URL}\ncharacters", f"most {MOST_BYTES:,} bytes", f"the first {MOST_RECOMMENDED} entries"):
        assert bound in said, bound


def test_this_program_spells_and_reads_the_head_and_the_tile() -> None:
    told = json.loads(EXAMPLES["head"])
    ranges = told.pop("ranges")
    assert told.pop("difference") == 1
    head = Head(**told)
    assert spell_head(head, ranges=ranges).decode() == EXAMPLES["head"]
    assert parse_head(EXAMPLES["head"].encode()).head == head
    assert etag_of_head(head) in section("Heads")
    unpacker = Unpacker(2**20)
    unpacker.feed(bytes_of("tile"))
    assert unpacker.lines(5) == LOG
    assert gzip.decompress(pack(LOG)) == gzip.decompress(bytes_of("tile"))
    assert f"`{Span(0, 0, 5).name}`" in section("Tiles")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_this_program_describes_the_ranges_so(number: int) -> None:
    question, answer = EXAMPLES[f"reconcile-{number}"].split("\n", 1)
    keys = ranges.Keys(bytes.fromhex("".join(KEYS)))
    asked = ranges.read_question(json.loads(question)["ranges"])
    assert [ranges.describe(keys, low, high) for low, high in asked] == json.loads(answer)["ranges"]


def test_a_writer_with_many_heads_makes_the_chain_that_the_page_describes() -> None:
    links = chain_of_children([f"{number:064x}" for number in range(40)])
    assert [len(link) for link in links] == [
        schema.MAX_CHILDREN,
        schema.MAX_CHILDREN - 1,
        40 - 2 * schema.MAX_CHILDREN + 1,
    ]
    assert winner([]) is None


# ---- Nothing is left out --------------------------------------------------------------------------------------------

HEADINGS = (
    "Records", "Canonical bytes", "Ids", "Wire limits", "Operations", "Spelling", "Hashes and signatures", "Validity",
    "State of a key", "Manifests", "Sync", "Heads", "Recommended peers", "Signed heads", "Tiles", "Bundles", "Pulling", "Differences",
    "Leaving out", "Reconciliation", "Limits", "Error codes",
)  # fmt: skip


def test_the_page_has_the_headings_that_comments_point_to() -> None:
    assert tuple(re.findall(r"^## (.+)$", PAGE_TEXT, re.MULTILINE)) == HEADINGS
    pointed = {
        heading
        for file in HOME.rglob("*.py")
        for heading in re.findall(r"protocol\.md,\s+([A-Z][a-z]+(?: [a-z]+)*)", file.read_text())
    }
    assert {heading for heading in pointed if not any(heading.startswith(known) for known in HEADINGS)} == set()


def type_of(of: schema.FieldType, needs: str) -> str:
    """A field's type in the page's words."""
    match of:
        case schema.Text():
            if of.form is schema.URI:
                return "URI" if of.least else "URI or empty"
            return f"hex {of.hex_digits}" if of.hex_digits else f"text {of.least}..{of.most:,}"
        case schema.Integer():
            bits, is_signed = of.most.bit_length(), of.least < 0
            return f"i{bits + 1}" if is_signed else f"u{bits}"
        case schema.Flag():
            return "bool"
        case schema.Variant():
            (name,) = [name for name, names in ENUMS.items() if tuple(names) == of.names]
            return name
        case schema.Optional():
            return f"{type_of(of.of, needs)} or null"
        case schema.Many():
            return f"list of {type_of(of.of, needs)}, {of.most}"
        case schema.Struct():
            return needs


def default_of(value: Any) -> str:
    match value:
        case "" | []:
            return "empty"
        case schema.NULL_HASH:
            return "64 zeros"
        case str():
            return f"`{value}`"
        case dict():
            return "its defaults"
        case list():
            return f"`{json.dumps(value)}`"
        case _:
            return json.dumps(value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_every_field_with_its_type_and_default(kind: Any) -> None:
    needs = f"{kind.title()}ResourceRequirements"
    rows = [row[:3] for row in table(section("Records"), f"**AI{kind.title()}**")]
    of_needs = [row[:3] for row in table(section("Records"), f"**{needs}**")]

    def said(fields: tuple[schema.Field, ...]) -> list[list[str]]:
        return [[f"`{field.name}`", type_of(field.type, needs), default_of(field.default)] for field in fields]

    assert rows == said(schema.FIELDS[kind])
    (inner,) = [field.type for field in schema.FIELDS[kind] if isinstance(field.type, schema.Struct)]
    assert of_needs == said(inner.fields)


def test_the_page_has_every_field_of_a_manifest_with_its_type_and_default() -> None:
    def said(fields: tuple[schema.Field, ...]) -> list[list[str]]:
        return [
            [f"`{field.name}`", type_of(field.type, PARTS.get(field.name, "")), default_of(field.default)]
            for field in fields
        ]

    def rows(name: str) -> list[list[str]]:
        return [row[:3] for row in table(section("Manifests"), f"**{name}**")]

    assert rows("Manifest") == said(schema.MANIFEST_FIELDS)
    inner = {
        field.name: field.type.of
        for field in schema.MANIFEST_FIELDS
        if isinstance(field.type, schema.Many | schema.Optional)
    }
    parts = {name: of for name, of in inner.items() if isinstance(of, schema.Struct)}
    assert {PARTS[name]: said(of.fields) for name, of in parts.items()} == {name: rows(name) for name in PARTS.values()}
    without = next(row for row in table(section("Manifests"), "| enum |") if row[0] == "SubjectKind")
    assert "without `Other`" in without[1]


def formed(fields: tuple[schema.Field, ...]) -> Iterator[schema.Text]:
    for field in fields:
        of = field.type.of if isinstance(field.type, schema.Many | schema.Optional) else field.type
        if isinstance(of, schema.Struct):
            yield from formed(of.fields)
        elif isinstance(of, schema.Text) and of.form is not None:
            yield of


def test_the_manifest_has_these_bytes_ids_and_signature() -> None:
    manifest = json.loads(EXAMPLES["manifest"])
    assert encoded("Manifest", manifest) == bytes_of("manifest-bytes")
    assert manifest["subject_id"] == json.loads(EXAMPLES["model"])["model_id"]
    assert manifest["manifest_id"] == sha3(b"manifest\0" + manifest["subject_id"].encode())
    line = EXAMPLES["manifest-op"].strip().encode()
    assert read(line)[2]["op"]["op"]["value"] == manifest
    assert sha3(preimage(line)) == signed(line)["hash"]
    signature = signed(line)["signature"]
    assert (
        curve.recover(bytes.fromhex(signed(line)["hash"]), bytes.fromhex(signature["sig"]), signature["rec"])
        == (manifest["owner_id"])
    )
    check_op(parse_op(line), [])


def test_this_program_gives_the_manifest_the_same_bytes() -> None:
    manifest = json.loads(EXAMPLES["manifest"])
    assert wire.canonical_bytes("manifest", manifest) == bytes_of("manifest-bytes")


def test_the_page_states_the_forms_that_texts_of_a_manifest_have() -> None:
    forms = {text.form.pattern for text in formed(schema.MANIFEST_FIELDS) if text.form is not None}
    stated = re.findall(r"`(-\?\(0[^`]+|\[A-Za-z0-9\]\{1,8\}\([^`]+)`", section("Manifests"))
    assert {form.replace("(?:", "(") for form in forms - {schema.URI.pattern}} == {*stated}
    assert len(stated) == 2


@pytest.mark.parametrize(("title", "bounds"), [("| of a reader |", Bounds), ("| of a node |", NodeBounds)])
def test_the_page_has_every_bound_with_its_value(title: str, bounds: type) -> None:
    rows = {row[0].strip("`"): row[1] for row in table(section("Limits"), title)}
    assert rows == {
        field.name: f"{field.default:,.10g}" if field.default is not None else "none"
        for field in dataclasses.fields(bounds)
    }


def test_the_page_has_every_limit_with_its_value() -> None:
    kept = {row[0].strip("`"): row[1] for row in table(section("Limits"), "| of what a replica keeps")}
    assert kept == {
        "MAX_PENDING": f"{MAX_PENDING:,}",
        "MAX_PENDING_BYTES": f"{MAX_PENDING_BYTES:,}",
        "MAX_REJECTED": f"{MAX_REJECTED:,}",
    }
    said: dict[str, tuple[str, ...]] = {
        "Wire limits": (f"{schema.MAX_OP_BYTES:,} bytes", f"<= {schema.MAX_TIME}`"),
        "Validity": (f"more than {schema.MAX_CHILDREN} children", f"{schema.MAX_OP_BYTES:,}", f"0..{schema.MAX_TIME}"),
        "Limits": (f"{MAX_COUNTER:,}", f"{TILE_OPS} operations a tile", f"{ranges.MAX_RANGES} ranges a question"),
        "Heads": (f"0..2^{MAX_SIZE.bit_length()}-1",),
        "Tiles": (f"{TILE_OPS} x {schema.MAX_OP_BYTES + 1:,} = {Bounds().tile_bytes:,} bytes",),
        "Reconciliation": (
            f"at most {ranges.MAX_RANGES} `ranges`",
            f"{ranges._FEW} operations or fewer",
            f"{ranges._PARTS} parts",
            f"{ranges.KEY_BYTES} bytes, written as {2 * ranges.KEY_BYTES} hex digits",
        ),
        "Error codes": (
            f"{PAGE} a page unless `limit` says 1..{MAX_PAGE}",
            f"at most {MAX_QUESTION_TEXT:,} characters",
            f"Of more than {MAX_VERSIONS} versions",
            f"of 1 to {MAX_KEY} characters of ASCII",
            f"for {KEPT_SECONDS // 3600} hours, in the transaction",
            f"The last {MAX_KEYS:,} keys",
        ),
        "Records": (f"text {schema.OTHER_TEXT.least}..{schema.OTHER_TEXT.most}",),
    }
    for heading, words in said.items():
        text = " ".join(section(heading).split())
        assert [word for word in words if word not in text] == []
    assert f"the order of the group, `{curve._ORDER.hex()}`" in " ".join(section("Validity").split())


def test_the_page_has_every_code_of_a_node_with_its_status() -> None:
    rows = {(row[0].strip("`"), int(row[1])) for row in table(section("Error codes"), "| code |")}
    assert rows >= {*_STATUS.items(), ("changed", 412)}
    made = set(constants(HOME / "node", {"NodeError": 0, "problem": 1})) - AT_START
    assert made <= {code for code, _ in rows}


# Why a node does not start: said to its operator, never over HTTP.
AT_START = {"bad_certificate", "cannot_bind", "no_worker", "not_loopback", "port_taken", "token", "workers_died"}
# Codes of errors that never leave the command line or the screens.
NEVER_TOLD = {
    "demo",
    "unwanted",
    "file",
    "keystore",
    "usage",
    "settings",
    "source",
    "import",
    "header",
    "skipped",
    "unreadable",
    "no_mcp",
}


def constants(place: Path, makers: dict[str, int]) -> Iterator[str]:
    """The codes that calls of these names are given, each name with the number of arguments in front of the code."""
    for file in place.rglob("*.py") if place.is_dir() else [place]:
        # Most files raise none of them, and to look through every call of the package takes seconds.
        for call in calls(file) if any(f"{maker}(" in text_of(file) for maker in makers) else ():
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            at = makers.get(name)
            match call.args[at : at + 1] if at is not None else []:
                case [ast.Constant(value=str(code))]:
                    yield code


@cache
def text_of(file: Path) -> str:
    return file.read_text()


@cache
def calls(file: Path) -> list[ast.Call]:
    """Every call in a file."""
    return [node for node in ast.walk(ast.parse(text_of(file))) if isinstance(node, ast.Call)]


def documented(error: type[Exception]) -> set[str]:
    """The codes in the docstring of an error."""
    return set(re.findall(r"`([a-z_]+)`", error.__doc__ or "")) - {"code", "http_"}


CODES: dict[str, Callable[[], set[str]]] = {
    "operations": lambda: documented(OpError) | {*constants(HOME / "crdt", {"OpError": 0})},
    "records": lambda: codes_of(wire, authoring, licences, formfile),
    "documents": lambda: {*constants(HOME / "records", {"_FaultError": 0, "_fault": 1})},
    "replicas": lambda: documented(StoreError) | {*constants(HOME, {"StoreError": 0})},
    "peers": lambda: documented(SyncError) | {*constants(HOME, {"SyncError": 1, "PublishError": 0})},
    "other errors": lambda: {*constants(HOME, {"RegistryError": 0, "Problem": 2})} - NEVER_TOLD,
}


@pytest.mark.parametrize("of", CODES)
def test_the_page_has_every_code(of: str) -> None:
    codes = CODES[of]()
    assert codes
    assert codes - set(re.findall(r"`(\w+)`", section("Error codes"))) == set()
