"""Manifests: canonical bytes, wire limits and authoring rules (see protocol.md, Manifests)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.records.vectors.manifests import HERE, manifest_bytes, spelt
from tui_registry.errors import Json, Kind, Record
from tui_registry.records import Manifest, derive_id, derive_manifest_id
from tui_registry.records.manifests import check_manifest, is_followable
from tui_registry.records.schema import defaults
from tui_registry.records.wire import ShapeError, canonical_bytes, check_shape, wire_limits, wire_problems

VECTORS: list[dict[str, Any]] = json.loads(HERE.read_text("utf-8"))
FIRST: Record = VECTORS[0]["json"]


def sound(**fields: Json) -> Record:
    """A manifest within every wire limit that can be signed."""
    manifest = defaults("manifest")
    manifest.update(
        manifest_id="ab" * 32, owner_id="cd" * 20, subject_id="ef" * 32, subject_name="n", created_at=1, updated_at=2
    )
    manifest.update(fields)
    return manifest


def artifact(**fields: Json) -> dict[str, Json]:
    return {
        "uri": "https://example.org/a",
        "media_type": "",
        "sha256": None,
        "size_bytes": None,
        "quantization": None,
    } | fields


def codes(manifest: Record, **known: Any) -> list[tuple[str, str, str]]:
    return [(found.path, found.severity, found.code) for found in check_manifest(manifest, **known)]


# ---- canonical bytes -----------------------------------------------------------------------------------------------


def test_two_hundred_frozen_manifests_have_the_bytes_of_an_encoder_that_shares_nothing_with_ours() -> None:
    assert len(VECTORS) == 200
    for vector in VECTORS:
        ours = canonical_bytes("manifest", vector["json"])
        assert hashlib.sha3_256(ours).hexdigest() == vector["sha3_256_hex"]
        assert ours.hex() == vector.get("bincode_hex", ours.hex())
        assert wire_limits("manifest", vector["json"]) is None


def test_the_frozen_manifests_are_made_anew_byte_for_byte() -> None:
    assert spelt() == HERE.read_text("utf-8")


def test_a_typed_manifest_is_the_plain_one() -> None:
    for vector in VECTORS[:20]:
        typed = Manifest.from_plain(vector["json"])
        assert typed.to_plain() == vector["json"]
        assert typed.canonical_bytes() == manifest_bytes(vector["json"])
        assert typed.id == vector["json"]["manifest_id"]
    assert Manifest().to_plain() == defaults("manifest")


def test_the_ids_of_frozen_manifests_are_derived() -> None:
    for manifest in (vector["json"] for vector in VECTORS):
        kind: Kind = "model" if manifest["subject_kind"] == "Model" else "agent"
        subject = derive_id(kind, manifest["owner_id"], manifest["subject_name"], manifest["created_at"])
        assert (manifest["subject_id"], manifest["manifest_id"]) == (subject, derive_manifest_id(subject))


@pytest.mark.parametrize("kind", ["model", "agent"])
def test_no_manifests_bytes_are_those_of_a_record(kind: Kind) -> None:
    """A hash is taken over canonical bytes without the kind: nobody can show a signed manifest as a record, or a record
    as a manifest.

    A manifest's bytes have the id of its record as their third text, a record's the owner in that place, and both are
    hex of other lengths; so the same bytes cannot be read as both.
    """
    record, manifest = canonical_bytes(kind, defaults(kind) | {f"{kind}_id": "ab" * 32}), manifest_bytes(FIRST)
    assert manifest[8 + 64 : 8 + 64 + 8] == (40).to_bytes(8, "little")
    assert record[: 8 + 64] == (64).to_bytes(8, "little") + b"ab" * 32
    # A record's second text is its name, of at most 128 characters; only a name of 40 hex digits goes on like a
    # manifest, and then a record states an owner of 40 characters where a manifest has an id of 64.
    named = canonical_bytes(kind, {**defaults(kind), f"{kind}_id": "ab" * 32, "name": "cd" * 20, "owner_id": "ef" * 20})
    place = 8 + 64 + 8 + 40
    assert named[place : place + 8] == (40).to_bytes(8, "little")
    assert manifest[place : place + 8] == (64).to_bytes(8, "little")


# ---- shape and wire limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(defaults("manifest")))
def test_the_shape_is_exact_in_names_and_order(name: str) -> None:
    with pytest.raises(ShapeError, match="is missing"):
        check_shape("manifest", {key: value for key, value in sound().items() if key != name})


def test_what_lies_in_lists_and_structs_has_its_shape_and_says_where() -> None:
    wrong: list[tuple[Record, str]] = [
        (sound(artifacts=[artifact(), artifact(size_bytes=-1)]), "artifacts[1].size_bytes"),
        (sound(artifacts=[{"uri": "https://x"}]), "artifacts[0].media_type"),
        (sound(artifacts=[artifact(quantization="Q4_K_M")]), "artifacts[0].quantization"),
        (sound(artifacts=["https://x"]), "artifacts"),
        (sound(architecture={"layers": 1}), "architecture.kv_heads"),
        (sound(architecture=[]), "architecture"),
        (sound(subject_kind={"Other": "Dataset"}), "subject_kind"),
        (sound(subject_kind="Dataset"), "subject_kind"),
        (sound(superseded_by=1), "superseded_by"),
    ]
    for manifest, path in wrong:
        with pytest.raises(ShapeError) as raised:
            check_shape("manifest", manifest)
        assert raised.value.path == path


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"subject_name": ""}, "subject_name", "required"),
        ({"subject_name": "x" * 129}, "subject_name", "too_long"),
        ({"subject_id": "A" * 64}, "subject_id", "not_hex"),
        ({"status": {"Other": ""}}, "status.Other", "required"),
        ({"status_message": "x" * 501}, "status_message", "too_long"),
        ({"status_message": "a\0b"}, "status_message", "nul"),
        ({"superseded_by": "ab"}, "superseded_by", "not_hex"),
        ({"artifacts": [artifact()] * 257}, "artifacts", "too_many"),
        ({"artifacts": [artifact(uri="")]}, "artifacts[0].uri", "required"),
        ({"artifacts": [artifact(uri="https://a b")]}, "artifacts[0].uri", "form"),
        ({"artifacts": [artifact(uri="x" * 2049)]}, "artifacts[0].uri", "too_long"),
        ({"artifacts": [artifact(sha256="ab" * 31)]}, "artifacts[0].sha256", "not_hex"),
        ({"artifacts": [artifact(media_type="x" * 129)]}, "artifacts[0].media_type", "too_long"),
        ({"interfaces": [{"url": "x", "protocol": "MCP", "version": "x" * 65}]}, "interfaces[0].version", "too_long"),
        ({"required_models": ["ab" * 32] * 17}, "required_models", "too_many"),
        ({"required_models": ["ab"]}, "required_models[0]", "not_hex"),
        ({"datasets": [""]}, "datasets[0]", "required"),
        ({"languages": ["en_US"]}, "languages[0]", "form"),
        ({"languages": ["a" * 65]}, "languages[0]", "too_long"),
        ({"repository_url": "a\nb"}, "repository_url", "form"),
        ({"created_at": -1}, "created_at", "time_range"),
        ({"created_at": 3}, "updated_at", "time_order"),
    ],
)
def test_a_wire_limit_names_its_place(fields: dict[str, Json], path: str, code: str) -> None:
    found = [*wire_problems("manifest", sound(**fields))]
    assert (path.removesuffix(".Other"), code) in [
        (problem.path.removesuffix(".Other"), problem.code) for problem in found
    ]


@pytest.mark.parametrize("value", ["0", "-0", "1", "-1.5", "0.713", "9" * 18, "1." + "0" * 12])
def test_a_decimal_number_is_one(value: str) -> None:
    assert wire_limits("manifest", sound(evaluations=[evaluation(value)])) is None


@pytest.mark.parametrize(
    "value", ["", "01", "1.", ".5", "+1", "1e3", "9" * 19, "1." + "0" * 13, "NaN", "١", "1 ", "1\n", "--1"]
)
def test_other_numbers_are_refused(value: str) -> None:
    assert wire_limits("manifest", sound(evaluations=[evaluation(value)])) is not None


def evaluation(value: str) -> dict[str, Json]:
    return {"benchmark": "b", "metric": "m", "value": value, "source": ""}


@given(st.characters())
def test_a_uri_is_printable_ascii_but_for_eleven_marks(character: str) -> None:
    is_fine = "!" <= character <= "~" and character not in '"<>\\^`{|}'
    assert (wire_limits("manifest", sound(repository_url=character)) is None) == is_fine


# ---- authoring rules -----------------------------------------------------------------------------------------------


def test_a_plain_manifest_can_be_signed() -> None:
    assert codes(sound()) == []


@pytest.mark.parametrize(
    ("uri", "is_for_artifacts", "is_for_all"),
    [
        ("https://example.org", True, True),
        ("git+https://example.org/x.git", True, True),
        ("hf://org/model", True, True),
        ("ollama://library/llama:8b", True, True),
        ("oci://ghcr.io/a/b:c", True, True),
        ("ipfs://bafy", True, True),
        ("weights/model.gguf", True, False),
        ("model.gguf", True, False),
        ("..x/y", True, False),
        ("../up", False, False),
        ("a/../b", False, False),
        ("a/.", False, False),
        ("/etc/passwd", False, False),
        ("a//b", False, False),
        ("javascript:alert(1)", False, False),
        ("file:///etc/passwd", False, False),
        ("ssh://host/x", False, False),
        ("https://user@host/x", False, False),
        ("https:///x", False, False),
        ("https://" + "h" * 256, False, False),
        ("HTTPS://example.org", False, False),
    ],
)
def test_only_known_schemes_and_names_within_the_repository_are_followed(
    uri: str, is_for_artifacts: bool, is_for_all: bool
) -> None:
    assert (is_followable(uri, is_artifact=True), is_followable(uri)) == (is_for_artifacts, is_for_all)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "Withdrawn"}, ("status_message", "error", "no_reason")),
        ({"superseded_by": "ef" * 32}, ("superseded_by", "error", "itself")),
        ({"artifacts": [artifact(uri="javascript:1")]}, ("artifacts[0].uri", "error", "address")),
        ({"artifacts": [artifact(uri="m.gguf", sha256="ab" * 32)]}, ("artifacts[0].uri", "warning", "no_repository")),
        ({"artifacts": [artifact(uri="hf://o/m.gguf")]}, ("artifacts[0].sha256", "warning", "no_digest")),
        (
            {"interfaces": [{"url": "m.gguf", "protocol": "MCP", "version": ""}]},
            ("interfaces[0].url", "error", "address"),
        ),
        ({"documentation_url": "docs"}, ("documentation_url", "error", "address")),
        ({"languages": ["en", "e"]}, ("languages[1]", "error", "language")),
        ({"languages": ["english-is-long"]}, ("languages[0]", "error", "language")),
        ({"datasets": ["x" * 256] * 64, "status_message": "é" * 500}, None),
    ],
)
def test_an_authoring_rule_names_its_place(fields: dict[str, Json], expected: tuple[str, str, str] | None) -> None:
    assert codes(sound(**fields)) == ([] if expected is None else [expected])


def test_every_language_tag_of_the_rfc_s_appendix_is_well_formed() -> None:
    """RFC 5646, appendix A."""
    tags = [
        "de",
        "fr",
        "ja",
        "i-enochian",
        "zh-Hant",
        "zh-Hans",
        "sr-Cyrl",
        "sr-Latn",
        "zh-cmn-Hans-CN",
        "cmn-Hans-CN",
        "zh-yue-HK",
        "yue-HK",
        "zh-Hans-CN",
        "sr-Latn-RS",
        "sl-rozaj",
        "sl-rozaj-biske",
        "sl-nedis",
        "de-CH-1901",
        "sl-IT-nedis",
        "hy-Latn-IT-arevela",
        "de-DE",
        "en-US",
        "es-419",
        "de-CH-x-phonebk",
        "az-Arab-x-AZE-derbend",
        "x-whatever",
        "qaa-Qaaa-QM-x-southern",
        "de-Qaaa",
        "sr-Latn-QM",
        "sr-Qaaa-RS",
        "en-US-u-islamcal",
        "zh-CN-a-myext-x-private",
        "en-a-myext-b-another",
    ]
    assert [tag for tag in tags if codes(sound(languages=[tag]))] == []
    # One that the same appendix calls ill-formed.
    assert codes(sound(languages=["a-DE"])) != []
    assert codes(sound(languages=["de-419-DE"])) != []


def test_what_a_manifest_names_is_looked_up_where_somebody_knows() -> None:
    kinds: dict[str, Kind] = {"aa" * 32: "model", "bb" * 32: "agent"}
    manifest = sound(superseded_by="bb" * 32, required_models=["aa" * 32, "bb" * 32, "cc" * 32])
    assert codes(manifest, kind_of=kinds.get) == [
        ("superseded_by", "error", "other_kind"),
        ("required_models[1]", "warning", "unknown_model"),
        ("required_models[2]", "warning", "unknown_model"),
    ]
    assert codes(sound(superseded_by="dd" * 32), kind_of=kinds.get) == [("superseded_by", "warning", "unknown_record")]


def test_what_is_said_of_links_names_them_and_stands_beside_what_is_said_of_the_rest() -> None:
    kinds: dict[str, Kind] = {"bb" * 32: "agent"}
    manifest = sound(superseded_by="bb" * 32, required_models=["cc" * 32], languages=["e"], datasets=[""])
    found = check_manifest(manifest, kind_of=kinds.get)
    assert [(problem.path, problem.severity, problem.code) for problem in found] == [
        ("superseded_by", "error", "other_kind"),
        ("required_models[0]", "warning", "unknown_model"),
        ("datasets[0]", "error", "required"),
        ("languages[0]", "error", "language"),
    ]
    heir, needed, *_ = found
    assert heir.sentence == "bbbbbbbb is an agent: a model is replaced by a model"
    assert needed.sentence == "cccccccc is no model known here: pull from a peer that has it, or check the id"
    (unknown,) = check_manifest(sound(superseded_by="dd" * 32), kind_of=kinds.get)
    assert unknown.sentence == "dddddddd is no record known here: pull from a peer that has it, or check the id"
    (misfit,) = check_manifest({**sound(), "status": 1})
    assert (misfit.path, misfit.severity, misfit.code) == ("status", "error", "shape")
    assert misfit.sentence.startswith("must be one of Active")


def test_a_manifest_that_would_not_fit_beside_sixteen_children_is_too_big() -> None:
    many = [artifact(uri="hf://o/" + "x" * 200, sha256="ab" * 32) for _ in range(200)]
    assert ("artifacts", "error", "too_big") in codes(sound(artifacts=many))


def test_every_sentence_says_what_would_be_right() -> None:
    manifest = sound(
        status="Withdrawn", artifacts=[artifact(uri="a b")], languages=["_"], documentation_url="x", subject_name=""
    )
    for problem in check_manifest(manifest):
        assert re.match(r"[a-z0-9…]", problem.sentence), problem
    assert check_manifest({**manifest, "status": 1})[0].code == "shape"
