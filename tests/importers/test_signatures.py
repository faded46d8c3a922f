"""Signatures of A2A agent cards: those of the official SDKs fit, what was changed does not, and no strange key counts.

`signed_cards.json` holds cards that a2a-sdk 1.3.0 (the first five) and 0.3.26 signed, each with its key set.
"""

from __future__ import annotations

import json
import struct
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from hypothesis import given, strategies as st

from tests.importers.serving import send, serving
from tests.importers.test_a2a import CARD_1_0
from tui_registry.importers import Finding, read_source
from tui_registry.importers.a2a import canonical
from tui_registry.importers.addresses import read_from_address
from tui_registry.records.documents import strict_json

CARD, KEYS = "/.well-known/agent-card.json", "/.well-known/jwks.json"
SIGNED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "signed_cards.json").read_text())


def said(answers: Mapping[str, Any], path: str = "") -> Finding:
    with serving(answers) as host:
        (found,) = read_from_address(host.address + path)
    return found


def note_of(found: Finding) -> str:
    (note,) = [note for note in found.notes if "is signed" in note]
    return note


def wrong(found: Finding) -> bool:
    return [(problem.path, problem.code, problem.severity) for problem in found.problems] == [
        ("", "signature", "error")
    ]


# ---- cards that others signed


@pytest.mark.parametrize("number", range(len(SIGNED)))
def test_what_the_official_sdks_signed_fits_and_what_was_changed_since_is_not_ready(number: int) -> None:
    card, keys = SIGNED[number]["card"], SIGNED[number]["jwks"]
    found = said({CARD: card, KEYS: keys})
    assert found.problems == ()
    assert note_of(found).startswith("the card is signed by 127.0.0.1:")
    assert note_of(found).endswith("and the signature fits, but over http:// anybody between may have written both")
    changed = said({CARD: {**card, "name": "Another"}, KEYS: keys})
    assert wrong(changed)
    assert "is wrong: 127.0.0.1:" in changed.problems[0].sentence
    assert "Saved as a file, it can be imported unchecked" in changed.problems[0].sentence


def test_a_card_with_the_defaults_of_its_fields_written_out_fits_all_the_same() -> None:
    card, keys = SIGNED[0]["card"], SIGNED[0]["jwks"]
    written = {**card, "description": "", "securityRequirements": []}
    written["capabilities"] = {**card["capabilities"]}
    written["capabilities"]["extensions"] = [{**card["capabilities"]["extensions"][0], "required": False}]
    assert "signature fits" in note_of(said({CARD: written, KEYS: keys}))


@pytest.mark.parametrize("path", ["/agents/one.json", "/agents"])
def test_a_card_at_a_path_of_its_own_is_checked_too(path: str) -> None:
    assert "signature fits" in note_of(said({path: SIGNED[0]["card"], KEYS: SIGNED[0]["jwks"]}, path))


def test_a_signed_card_that_is_nested_deep_is_checked_or_that_is_told() -> None:
    deep = json.dumps(SIGNED[0]["card"])[:-1].encode() + b', "x": ' + b'{"a": [' * 450 + b"]}" * 450 + b"}"
    told = note_of(said({CARD: deep, KEYS: SIGNED[0]["jwks"]}))
    # From Python 3.12 on its recursion limit is not that of JSON's encoder.
    assert ("nested too deep" if sys.version_info < (3, 12) else "signature fits") in told


def test_each_card_of_a_list_is_checked_by_itself() -> None:
    cards = [one["card"] for one in SIGNED[:3]]
    keys = {"keys": [key for one in SIGNED[:3] for key in one["jwks"]["keys"]]}
    with serving({"/all.json": [*cards, {**cards[0], "version": "9.9.9"}, CARD_1_0], KEYS: keys}) as host:
        found = list(read_from_address(f"{host.address}/all.json"))
        assert [path for _, path, _ in host.asked] == ["/all.json", KEYS]
    assert [wrong(one) for one in found] == [False, False, False, True, False]
    assert all("signature fits" in note_of(one) for one in found[:3])


def test_a_card_in_a_file_is_signed_by_nobody_known_here(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps(SIGNED[0]["card"]))
    (found,) = read_source(tmp_path / "card.json")
    assert isinstance(found, Finding)
    assert found.problems == ()
    assert note_of(found).startswith("the card is signed, by nobody known here: imported from its agent's address")


# ---- signed here


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


SECRET = ECC.generate(curve="P-256")
PUBLIC = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "one",
    "x": b64(int(SECRET.pointQ.x).to_bytes(32)),
    "y": b64(int(SECRET.pointQ.y).to_bytes(32)),
}


def signed(card: dict[str, Any], **header: Any) -> dict[str, Any]:
    """A card with one more signature, of the bytes that the specification names."""
    plain = {key: value for key, value in card.items() if key != "signatures"}
    protected = b64(json.dumps({"alg": "ES256", "typ": "JOSE", "kid": "one", **header}).encode())
    hashed = SHA256.new(f"{protected}.{b64(canonical(plain))}".encode())
    value = b64(DSS.new(SECRET, "fips-186-3").sign(hashed))
    return {**card, "signatures": [*card.get("signatures", ()), {"protected": protected, "signature": value}]}


PLAIN = {key: value for key, value in CARD_1_0.items() if key != "signatures"}
SET = {"keys": [PUBLIC]}


def test_the_keys_are_those_at_the_jku_where_that_is_the_host_itself() -> None:
    with serving({"/keys/mine.json": SET}) as host:
        answers = {CARD: signed(PLAIN, jku=f"{host.address}/keys/mine.json"), "/keys/mine.json": SET}
    # The address is that of another server by now, and nobody is asked there.
    found = said(answers)
    assert "by nobody known here: 127.0.0.1" in note_of(found)
    assert note_of(found).endswith("its keys are said to be at another host, which is not asked")
    assert "signature fits" in note_of(said({CARD: signed(PLAIN, jku="/keys/mine.json"), "/keys/mine.json": SET}))


def test_no_other_host_is_asked_for_keys() -> None:
    def moved(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, b"", status=302, headers={"location": f"{other.address}/keys"})

    with serving({"/keys": SET}) as other:
        for jku in (f"{other.address}/keys", "//user@[::1", "http://[", "http://\x00", "file:///etc/passwd", "/moved"):
            found = said({CARD: signed(PLAIN, jku=jku), "/moved": moved})
            assert "by nobody known here" in note_of(found)
            assert found.problems == ()
        assert other.asked == []


def endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b'{"keys": [' * 6_000)
    except OSError:
        pass  # the reader has had enough


HUGE = {"kty": "RSA", "kid": "one", "n": b64(b"\xff" * 100_000), "e": "AQAB"}


@pytest.mark.parametrize(
    "keys",
    [
        None,
        b"<html>",
        b"[" * 1_000_000,
        endless,
        [],
        {"keys": "none"},
        {"keys": [None, 7, {"kid": 3}, {**PUBLIC, "kid": "two"}]},
        {"keys": [{**PUBLIC, "x": "AA"}]},  # no point of the curve
        {"keys": [{**PUBLIC, "x": "%%%"}]},
        {"keys": [{**PUBLIC, "use": "enc"}, {**PUBLIC, "alg": "ES384"}, {**PUBLIC, "crv": "P-384"}]},
        {"keys": [HUGE] * 50},
        {"keys": [{"kid": f"{n}", "kty": "EC"} for n in range(20_000)] + [PUBLIC]},
    ],
    ids=lambda value: "" if not callable(value) else "endless",
)
def test_a_key_set_that_is_none_leaves_the_card_signed_by_nobody_known(keys: Any) -> None:
    found = said({CARD: signed(PLAIN), **({} if keys is None else {KEYS: keys})})
    assert found.problems == ()
    assert "by nobody known here" in note_of(found)
    assert "\n" not in note_of(found)


@pytest.mark.parametrize(
    ("signature", "part"),
    [
        ({}, "cannot be read"),
        ({"protected": 3, "signature": []}, "cannot be read"),
        ({"protected": "e30", "signature": "AAAA"}, "cannot be read"),
        ({"protected": "e30=", "signature": "AAAA"}, "cannot be read"),
        ({"protected": b64(b'{"alg":"none"}'), "signature": ""}, "of the kind none are not checked"),
        ({"protected": b64(b'{"alg":"HS256","kid":"one"}'), "signature": "AAAA"}, "of the kind HS256"),
        ({"protected": b64(b'{"alg":"ES256","alg":"none"}'), "signature": "AAAA"}, "cannot be read"),
        ({"protected": b64(b'{"alg":"ES256","kid":"one","crit":["b64"],"b64":false}'), "signature": "AA"}, "more than"),
        ({"protected": b64(b"[" * 5_000), "signature": "AAAA"}, "cannot be read"),
        ({"protected": "A" * 100_000, "signature": "AAAA"}, "cannot be read"),
        ({"protected": b64(b'{"alg":"ES256"}'), "signature": "AAAA"}, "names no key"),
        ({"protected": b64(b'{"alg":"RS256","kid":"one"}'), "signature": "AAAA"}, "no key one for RS256"),
        ({"protected": b64('{"alg":"ES256","kid":"\x1b[31m\u202e"}'.encode()), "signature": "AAAA"}, "cannot be read"),
    ],
)
def test_a_signature_that_is_none_is_by_nobody_known(signature: Any, part: str) -> None:
    found = said({CARD: {**PLAIN, "signatures": [signature]}, KEYS: SET})
    assert found.problems == ()
    assert part in note_of(found)
    assert "\x1b" not in note_of(found)


def test_one_signature_that_fits_is_enough_and_one_that_does_not_is_wrong_without() -> None:
    good = signed(PLAIN)
    bad = {"protected": good["signatures"][0]["protected"], "signature": b64(bytes(64))}
    unknown = {"protected": b64(b'{"alg":"ES256","kid":"gone"}'), "signature": b64(bytes(64))}
    both = {**PLAIN, "signatures": [unknown, bad, *good["signatures"]]}
    assert "signature fits" in note_of(said({CARD: both, KEYS: SET}))
    assert wrong(said({CARD: {**PLAIN, "signatures": [unknown, bad]}, KEYS: SET}))


def test_cards_with_signatures_without_end_cost_no_more_than_the_bound() -> None:
    bad = {**signed(PLAIN)["signatures"][0], "signature": b64(bytes(64))}
    cards = [{**PLAIN, "name": f"Agent {number}", "signatures": [bad] * 20} for number in range(100)]
    with serving({"/all.json": cards, KEYS: {"keys": [PUBLIC] * 64}}) as host:
        found = list(read_from_address(f"{host.address}/all.json"))
    assert wrong(found[0])
    assert "more signatures than are checked at once" in note_of(found[-1])


# ---- canonical JSON


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"), ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"), ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"), ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)  # fmt: skip
def test_numbers_are_spelled_as_the_rfc_has_them(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == text.encode()


def test_names_are_in_the_order_of_the_rfc_and_text_is_spelled_as_there() -> None:
    names = {
        "€": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew",
        "1": "One",
        "😀": "Emoji",
        "\x80": "Control",
        "ö": "o",
    }
    order = ["Carriage Return", "One", "Control", "o", "Euro Sign", "Emoji", "Hebrew"]
    assert list(json.loads(canonical(dict(names))).values()) == order
    assert canonical('€$\x0f\nA\'B"\\\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()
    assert canonical({"b": [True, None, {}, []], "a": 10**30}) == b'{"a":1e+30,"b":[true,null,{},[]]}'
    for none in ("\ud800", {"\ud800": 1}, 10**400, float("nan")):
        with pytest.raises(ValueError):
            canonical(none)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_spelled_canonically_says_the_same_and_is_spelled_alike_again(value: Any) -> None:
    once = canonical(value)
    # Every number is a double there
    assert json.loads(once, parse_int=float) == json.loads(json.dumps(value), parse_int=float)
    assert canonical(strict_json(once)) == once
