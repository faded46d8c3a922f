"""What a hostile peer may put into its log: each attack with the code that must answer it.

Operations are made by the oracle (`tests.crdt.model`), which signs whatever it is given: an attack "by the signer" is
hashed and signed as it stands, one "by a relay" is a sound operation whose bytes were changed on the way.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.crdt import model
from tests.crdt.histories import START, key_of
from tests.crdt.making import ADA, BOB, fresh, removal_of, root, root_tree, write_on, write_tree
from tests.crdt.model import ORDER, rm_tree, spell, up_tree
from tui_registry.crdt import Op

MALLORY = key_of("mallory")

# What is sound, and what attacks are built upon.
BASE = root(name="base", tags=["chat"])
WRITE = write_on(BASE, description="a second look")
REMOVAL = removal_of(WRITE)
OTHER = root(name="other")
AGENT = root("agent", name="helper")
THEIRS = model.up_tree(BOB, "model", fresh(name="theirs", by=BOB))
SOUND: list[bytes] = [BASE.body, WRITE.body, OTHER.body, AGENT.body, spell(THEIRS)]


class Attack(NamedTuple):
    """Lines that a peer sends, and the code that each of them must get; `original` is the sound op it was made of."""

    name: str
    code: str
    lines: list[bytes]
    original: bytes | None = None


def attacks() -> list[Attack]:
    """Every attack on a single line."""
    return [*_by_a_relay(), *_by_the_signer(), *_in_the_spelling()]


# ---- by a relay: the bytes of a sound operation, changed ------------------------------------------------------------------


def _by_a_relay() -> list[Attack]:
    def spoilt(name: str, code: str, op: Op, change: Callable[[Any], None]) -> Attack:
        tree = json.loads(op.body)
        change(tree)
        return Attack(name, code, [spell(tree)], op.body)

    def up(tree: Any) -> Any:
        return tree["Model"]["Up"]

    def signature(tree: Any) -> Any:
        return up(tree)["op"]["signature"]

    def set_sig(sig: str, rec: int | None = None) -> Callable[[Any], None]:
        def change(tree: Any) -> None:
            signature(tree)["sig"] = sig
            if rec is not None:
                signature(tree)["rec"] = rec

        return change

    sig, r = WRITE.signature.hex(), WRITE.signature.hex()[:64]
    high = f"{r}{ORDER - int(sig[64:], 16):064x}"
    mallorys, mallorys_rec = MALLORY.sign(bytes.fromhex(WRITE.hash))
    found = [
        spoilt("a signature of zeros", "signature", WRITE, set_sig("0" * 128)),
        spoilt("a signature of ones", "signature", WRITE, set_sig("f" * 128)),
        spoilt("an s of zero", "signature", WRITE, set_sig(r + "0" * 64)),
        spoilt("an r beyond the order", "signature", WRITE, set_sig(f"{ORDER:064x}{sig[64:]}")),
        spoilt("a high s", "signature", WRITE, set_sig(high, WRITE.rec ^ 1)),
        spoilt("a high s with the rec it had", "signature", WRITE, set_sig(high)),
        spoilt("another's signature over the same hash", "actor", WRITE, set_sig(mallorys.hex(), mallorys_rec)),
        spoilt("the signature of another op", "actor", WRITE, set_sig(BASE.signature.hex(), BASE.rec)),
        spoilt("rec turned", "actor", WRITE, set_sig(sig, WRITE.rec ^ 1)),
        spoilt("rec beyond the field", "signature", WRITE, set_sig(sig, WRITE.rec | 2)),
        spoilt("rec of four", "malformed", WRITE, set_sig(sig, 4)),
        spoilt("the dot of another actor", "actor", WRITE, lambda tree: up(tree)["dot"].update(actor=BOB.address)),
        spoilt("the key of another record", "key", WRITE, lambda tree: up(tree).update(key=OTHER.key)),
        spoilt("a key that is no id", "key", WRITE, lambda tree: up(tree).update(key="x")),
        spoilt("another hash", "hash", WRITE, lambda tree: up(tree)["op"].update(hash="0" * 64)),
        spoilt("another value", "hash", WRITE, lambda tree: up(tree)["op"]["op"]["value"].update(name="mine")),
        spoilt("no children any more", "hash", WRITE, lambda tree: up(tree)["op"]["op"].update(children=[])),
        spoilt("a child more", "hash", WRITE, lambda tree: up(tree)["op"]["op"].update(children=sorted([BASE.hash, OTHER.hash]))),
        spoilt("the clock turned on", "hash", WRITE, lambda tree: up(tree)["op"]["op"].update(vclock={ADA.address: 3})),
        spoilt("its own hash as its child", "hash", WRITE, lambda tree: up(tree)["op"]["op"].update(children=[WRITE.hash])),
        spoilt("a removal of another record", "hash", REMOVAL, lambda tree: tree["Model"]["Rm"].update(keyset=[OTHER.key])),
        spoilt("a removal at another time", "hash", REMOVAL, lambda tree: tree["Model"]["Rm"].update(updated_at=START + 99)),
        spoilt("a removal with another's signature", "actor", REMOVAL, lambda tree: tree["Model"]["Rm"].update(
            signature=dict(zip(("sig", "rec"), _hex_signed(MALLORY, REMOVAL.hash), strict=True)))),
    ]  # fmt: skip
    found += [
        Attack("a model called an agent", "malformed", [WRITE.body.replace(b'{"Model"', b'{"Agent"', 1)], WRITE.body),
        Attack("an agent called a model", "malformed", [AGENT.body.replace(b'{"Agent"', b'{"Model"', 1)], AGENT.body),
        Attack(
            "a removal of the other kind", "hash", [REMOVAL.body.replace(b'{"Model"', b'{"Agent"', 1)], REMOVAL.body
        ),
    ]
    # Two that name each other: no hash can be the right one, so both claims are false.
    one, other = json.loads(WRITE.body), json.loads(write_on(BASE, description="the other").body)
    for tree, claimed, named in ((one, "a" * 64, "b" * 64), (other, "b" * 64, "a" * 64)):
        up(tree)["op"]["hash"] = claimed
        up(tree)["op"]["op"]["children"] = [named]
    return [*found, Attack("a circle of two", "hash", [spell(one), spell(other)])]


def _hex_signed(signer: Any, digest: str) -> tuple[str, int]:
    signature, rec = signer.sign(bytes.fromhex(digest))
    return signature.hex(), rec


# ---- by the signer: hashed and signed as it stands ------------------------------------------------------------------------


def _by_the_signer() -> list[Attack]:
    def write(**fields: Any) -> bytes:
        return spell(write_tree(BASE, **fields))

    def up(record: Any, children: Any = (BASE.hash,), clock: int = 2, by: Any = ADA, **more: Any) -> bytes:
        return spell(up_tree(by, "model", record, children, clock, **more))

    assert BASE.record is not None
    later = {**BASE.record, "updated_at": BASE.updated_at + 1}
    stolen = {**later, "owner_id": MALLORY.address}
    named = [f"{number:064x}" for number in range(17)]
    agent = {**fresh("agent", name="helper"), "updated_at": START + 1}
    seconds = BASE.created_at or 0
    mallory_at = {MALLORY.address: 2}
    return [
        Attack("a clock turned up", "clock", [write(clock=3)]),
        Attack("a clock at its end", "clock", [write(clock=2**63 - 1)]),
        Attack("a clock turned back", "clock", [write(clock=1)]),
        Attack("a root that begins at two", "clock", [up(fresh(name="late"), (), 2)]),
        Attack("a clock beyond its end", "malformed", [write(clock=2**63)]),
        Attack("a clock of zero", "malformed", [write(clock=0)]),
        Attack("a clock that names another", "actor", [up(later, vclock={BOB.address: 2})]),
        Attack("a clock that names another too", "actor", [up(later, vclock=dict(sorted({ADA.address: 2, BOB.address: 9}.items())))]),
        Attack("a clock that names nobody", "actor", [up(later, vclock={})]),
        Attack("a counter of zero", "malformed", [up(later, counter=0)]),
        Attack("another's dot", "actor", [up(later, actor=BOB.address)]),
        Attack("seventeen children", "malformed", [up(later, named)]),
        Attack("a child twice", "malformed", [up(later, [BASE.hash, BASE.hash])]),
        Attack("a child of another record", "child", [up(later, [OTHER.hash])]),
        Attack("a child of a stranger's record", "child", [up({**fresh(name="mine", by=MALLORY), "updated_at": START + 1}, by=MALLORY)]),
        Attack("a child of another kind", "child", [spell(up_tree(ADA, "agent", agent, [BASE.hash], 2))]),
        Attack("another's record, written over", "owner", [up(stolen, by=MALLORY)]),
        Attack("another's record under its owner's name", "owner", [up(later, by=MALLORY)]),
        Attack("another's record from the beginning", "id", [up({**stolen, "updated_at": seconds}, (), 1, MALLORY)]),
        Attack("a root with a made-up id", "id", [up({**fresh(name="x"), "model_id": "ab" * 32}, (), 1)]),
        Attack("a root with another's id", "id", [up({**fresh(name="x"), "model_id": OTHER.key}, (), 1)]),
        Attack("a stranger's record removed", "owner", [spell(rm_tree(MALLORY, "model", BASE.key, [BASE.hash], 2, START + 9))]),
        Attack("removed in its owner's name", "actor", [spell(rm_tree(MALLORY, "model", BASE.key, [BASE.hash], 2, START + 9, vclock={ADA.address: 2}))]),
        Attack("a removal of nothing", "child", [spell(rm_tree(ADA, "model", BASE.key, [], 1, START + 9))]),
        Attack("a removal of two records", "key", [spell(rm_tree(ADA, "model", BASE.key, [BASE.hash], 2, START + 9, keyset=[BASE.key, OTHER.key]))]),
        Attack("a removal of no record", "key", [spell(_removal(keyset=[]))]),
        Attack("a removal of another record's op", "child", [spell(rm_tree(ADA, "model", OTHER.key, [BASE.hash], 2, START + 9))]),
        Attack("a removal of the other kind's op", "child", [spell(rm_tree(ADA, "agent", BASE.key, [BASE.hash], 2, START + 9))]),
        Attack("a removal before its record", "time", [spell(rm_tree(ADA, "model", BASE.key, [BASE.hash], 2, START - 9))]),
        Attack("a removal in the year 10000", "limit", [spell(rm_tree(ADA, "model", BASE.key, [BASE.hash], 2, 253402300800))]),
        Attack("a removal with two in its clock", "actor", [spell(rm_tree(MALLORY, "model", BASE.key, [BASE.hash], 2, START + 9, vclock=dict(sorted({**mallory_at, ADA.address: 2}.items()))))]),
        Attack("another time of creation", "time", [write(created_at=seconds - 1)]),
        Attack("a step back in time", "time", [spell(write_tree(BASE, later=0, created_at=seconds - 1, updated_at=seconds - 1))]),
        Attack("updated before it was made", "limit", [write(created_at=seconds + 99)]),
        Attack("made before 1970", "limit", [up(fresh(name="old", at=-1), (), 1)]),
        Attack("updated after the year 9999", "limit", [write(updated_at=253402300800)]),
        Attack("a NUL in its name", "limit", [write(name="a\0b")]),
        Attack("a NUL in a tag", "limit", [write(tags=["a\0b"])]),
        Attack("a name of 129 characters", "limit", [write(name="x" * 129)]),
        Attack("a name of none", "limit", [write(name="")]),
        Attack("sixty-five tags", "limit", [write(tags=["x"] * 65)]),
        Attack("a description that is too long", "limit", [write(description="x" * 10_001)]),
        Attack("an Other that is too long", "limit", [write(framework={"Other": "x" * 65})]),
        Attack("an owner that is no address", "limit", [write(owner_id="x" * 40)]),
        Attack("65,537 bytes", "limit", [sized(65_537)]),
    ]  # fmt: skip


def _removal(**more: Any) -> Any:
    return rm_tree(ADA, "model", "", [BASE.hash], 2, START + 9, **more)


def sized(size: int) -> bytes:
    """A root, sound in every other way, of exactly so many bytes."""
    fields: dict[str, Any] = {"name": f"large-{size}", "description": "\U0001f600" * 9_000}
    short = size - len(spell(root_tree(**fields, formfile_template="")))
    return spell(root_tree(**fields, formfile_template="\U0001f600" * (short // 4 - 1) + "x" * (4 + short % 4)))


# ---- in the spelling: what readers of JSON disagree about -----------------------------------------------------------------


def _in_the_spelling() -> list[Attack]:
    line = WRITE.body

    def put(name: str, old: bytes, new: bytes, code: str = "malformed") -> Attack:
        assert line.count(old) >= 1, old
        return Attack(name, code, [line.replace(old, new, 1)], line)

    def value(**fields: Any) -> Attack:
        (name,) = fields
        tree = copy.deepcopy(json.loads(line))
        tree["Model"]["Up"]["op"]["op"]["value"].update(fields)
        body = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
        return Attack(f"{name} of another type: {str(fields[name])[:20]}", "malformed", [body], line)

    vcpus = b'"min_vcpus":1'
    return [
        put("an unknown variant", b'{"Model"', b'{"Dataset"', "unsupported"),
        put("an unknown form", b'{"Up"', b'{"Mv"', "unsupported"),
        put("an unknown type", b'"model_type":"LLM"', b'"model_type":"AGI"'),
        put("an unknown field", b'"name":', b'"licence":"MIT","name":'),
        put("an unknown member beside the op", b'{"Model":', b'{"Dataset":1,"Model":'),
        put("an unknown member in the dot", b'"counter":1', b'"counter":1,"more":1'),
        put("a field missing", b'"license":"MIT",', b""),
        put("two fields in the other order", b'"license":"MIT","model_type":"LLM"', b'"model_type":"LLM","license":"MIT"'),
        put("a field twice", b'"license":"MIT"', b'"license":"MIT","license":"MIT"'),
        put("a member twice, the last one sound", b'"key":', b'"key":"' + OTHER.key.encode() + b'","key":'),
        put("a variant twice", b'{"Model":', b'{"Model":null,"Model":'),
        put("white space", b'"license":"MIT"', b'"license": "MIT"'),
        put("a tab at the end", line, line + b"\t"),
        put("a carriage return at the end", line, line + b"\r"),
        put("a byte order mark", line, b"\xef\xbb\xbf" + line),
        put("something behind it", line, line + b"{}"),
        put("an escape that is none", b'"license":"MIT"', b'"license":"M\\u0049T"'),
        put("an escaped slash", b'"license":"MIT"', b'"license":"MIT\\/X11"'),
        put("a lone surrogate", b'"license":"MIT"', b'"license":"\\ud800"'),
        put("half a pair", b'"license":"MIT"', b'"license":"\\udc00\\ud800"'),
        put("bytes that are no UTF-8", b'"license":"MIT"', b'"license":"\xff\xfe"'),
        put("UTF-8 of a surrogate", b'"license":"MIT"', b'"license":"\xed\xa0\x80"'),
        put("UTF-8 that is too long", b'"license":"MIT"', b'"license":"\xc0\x80"'),
        put("an escape sequence, raw", b'"license":"MIT"', b'"license":"\x1b[31m"'),
        put("a hash in capitals", WRITE.hash.encode(), WRITE.hash.upper().encode()),
        put("NaN", vcpus, b'"min_vcpus":NaN'),
        put("Infinity", vcpus, b'"min_vcpus":Infinity'),
        put("minus zero", vcpus, b'"min_vcpus":-0'),
        put("a number with an exponent", vcpus, b'"min_vcpus":1e0'),
        put("a number with a fraction", vcpus, b'"min_vcpus":1.0'),
        put("a number with a zero before it", vcpus, b'"min_vcpus":01'),
        put("a number beyond its width", vcpus, b'"min_vcpus":256'),
        put("a number below zero", vcpus, b'"min_vcpus":-1'),
        put("a number of a thousand digits", vcpus, b'"min_vcpus":' + b"9" * 1_000),
        put("a number of sixty thousand digits", vcpus, b'"min_vcpus":' + b"9" * 60_000),
        put("a time beyond its width", b'"updated_at":', b'"updated_at":9223372036854775808,"x":'),
        put("lists in lists", b'"tags":["chat"]', b'"tags":' + b"[" * 20_000 + b"]" * 20_000),
        put("objects in objects", b'"tags":["chat"]', b'"tags":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000),
        Attack("brackets that never close", "malformed", [b"[" * 60_000]),
        Attack("a string that never closes", "malformed", [b'"' + b"a" * 60_000]),
        Attack("nothing but null", "malformed", [b"null"]),
        Attack("an empty object", "malformed", [b"{}"]),
        Attack("a member without a name", "unsupported", [b'{"":{}}']),
        value(name=1), value(name=None), value(name=["a"]), value(tags="chat"), value(tags=[1]), value(parameters=True),
        value(parameters="7"), value(parameters=2**64), value(context_length=2**32), value(quantization="Q4"),
        value(quantization={"Other": 1}), value(quantization={"Other": "x", "More": "y"}), value(framework={}),
        value(resource_requirements=None), value(resource_requirements=[]), value(created_at=1.5),
    ]  # fmt: skip


# ---- every byte ----------------------------------------------------------------------------------------------------------


def every_byte(body: bytes) -> list[tuple[int, bytes]]:
    """The line with each of its bytes changed, one at a time, in a few ways: its place, and the line."""
    changed = []
    for place, byte in enumerate(body):
        # Another digit or letter, the other case, no ASCII any more. A line feed or NUL would be no line of a tile.
        for other in {byte ^ 1, byte ^ 2, byte ^ 0x20, byte | 0x80} - {byte, 0x0A, 0x00}:
            changed.append((place, body[:place] + bytes((other,)) + body[place + 1 :]))
    return changed


def counter_places(body: bytes) -> range:
    """Where the dot's counter stands: nothing depends on it."""
    start = body.find(b'"counter":') + len(b'"counter":')
    return range(start, body.index(b"}", start)) if b'"counter":' in body else range(0)
