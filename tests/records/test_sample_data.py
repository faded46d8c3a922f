"""The demo's sample data: sound as plain JSON, and nothing in it that our own authoring rules would complain about."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import pytest
from packaging.licenses import canonicalize_license_expression
from semver import Version

from tui_registry.cli.demo import manifest_of, naming_models
from tui_registry.crdt import Identity, sign_up
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.records.as_written import read_record
from tui_registry.records.authoring import check
from tui_registry.records.manifests import check_manifest
from tui_registry.records.schema import (
    AGENT_FRAMEWORKS,
    AGENT_TYPES,
    FIELDS,
    MODEL_FRAMEWORKS,
    MODEL_TYPES,
    QUANTIZATION_TYPES,
)
from tui_registry.records.wire import derive_id, wire_problems

Item = dict[str, Any]

TEXT = (resources.files("tui_registry") / "data" / "sample.json").read_text(encoding="utf-8")
SAMPLE: dict[str, list[Item]] = json.loads(TEXT)
ITEMS: dict[Kind, list[Item]] = {"model": SAMPLE["models"], "agent": SAMPLE["agents"]}
EVERY: list[tuple[Kind, Item]] = [(kind, item) for kind in KINDS for item in ITEMS[kind]]
MODELS: dict[str, Item] = {item["name"]: item for item in ITEMS["model"]}

# What the demo takes off an item before the rest is read as a record.
FOR_THE_DEMO = {"publisher", "updated_days_ago", "preferred_model_names", "manifest"}
SET_BY_THE_DATASTORE = {"model_id", "agent_id", "owner_id", "created_at", "updated_at", "preferred_models"}
CREATED_AT = 1_700_000_000


def each_item(check: Callable[[Kind, Item], None]) -> Callable[[], None]:
    """A test that looks at each record of the sample."""

    def look() -> None:
        for kind, item in EVERY:
            try:
                check(kind, item)
            except AssertionError as error:
                error.add_note(f"the {kind} {item['name']}")
                raise

    look.__name__ = check.__name__
    return look


def test_there_are_about_sixty_models_and_twenty_five_agents() -> None:
    assert set(SAMPLE) == {"models", "agents"}
    assert 55 <= len(ITEMS["model"]) <= 70
    assert 23 <= len(ITEMS["agent"]) <= 30


def test_no_two_records_share_a_name() -> None:
    counts = Counter(item["name"].casefold() for _, item in EVERY)
    assert [name for name, times in counts.items() if times > 1] == []


def test_the_file_has_one_record_a_line_so_that_diffs_stay_readable() -> None:
    assert TEXT.isascii()
    assert TEXT.endswith("}\n")
    records = [line for line in TEXT.splitlines() if line.startswith("  {")]
    assert [json.loads(line.rstrip(","))["name"] for line in records] == [item["name"] for _, item in EVERY]


def test_about_a_dozen_publishers_sign_the_records() -> None:
    publishers = {item["publisher"] for _, item in EVERY}
    assert 10 <= len(publishers) <= 16
    assert [handle for handle in publishers if not re.fullmatch(r"[a-z][a-z0-9-]{1,30}", handle)] == []


def test_the_days_of_the_last_updates_are_spread_over_two_years() -> None:
    days = [item["updated_days_ago"] for _, item in EVERY]
    assert all(type(day) is int and 1 <= day <= 700 for day in days)
    assert min(days) <= 7
    assert max(days) >= 600
    assert len(set(days)) >= len(days) // 2


def test_the_models_show_every_type_framework_and_the_common_quantizations() -> None:
    def shown(field: str, default: Json) -> set[str]:
        values = (item.get(field, default) for item in ITEMS["model"])
        return {value for value in values if isinstance(value, str)}

    assert shown("model_type", "LLM") == set(MODEL_TYPES)
    assert shown("framework", "PyTorch") == set(MODEL_FRAMEWORKS)
    assert shown("quantization", None) >= {"BF16", "FP16", "FP32", "GGUF", "AWQ", "GPTQ", "INT8", "INT4"}


def test_the_agents_show_every_type_and_framework() -> None:
    assert {item.get("agent_type", "Assistant") for item in ITEMS["agent"]} == set(AGENT_TYPES)
    frameworks = (item.get("framework", "LangChain") for item in ITEMS["agent"])
    assert {name for name in frameworks if isinstance(name, str)} == set(AGENT_FRAMEWORKS)


def test_a_handful_of_records_of_each_kind_carry_a_template() -> None:
    for kind in KINDS:
        assert sum("formfile_template" in item for item in ITEMS[kind]) >= 3


@each_item
def test_only_known_fields_stand_in_a_record(kind: Kind, item: Item) -> None:
    known = {field.name for field in FIELDS[kind]} - SET_BY_THE_DATASTORE
    demo = FOR_THE_DEMO if kind == "agent" else FOR_THE_DEMO - {"preferred_model_names"}
    assert set(item) - known - demo == set()
    assert demo - {"manifest"} <= set(item)


@each_item
def test_a_field_at_its_default_is_left_out(kind: Kind, item: Item) -> None:
    for field in FIELDS[kind]:
        assert field.name not in item or item[field.name] != field.default, field.name
        if isinstance(field.default, dict):
            given = item.get(field.name, {})
            assert [name for name in given if given[name] == field.default.get(name)] == []


@each_item
def test_enum_values_are_known_names_or_other(kind: Kind, item: Item) -> None:
    names: Mapping[str, tuple[str, ...]] = (
        {"model_type": MODEL_TYPES, "framework": MODEL_FRAMEWORKS, "quantization": QUANTIZATION_TYPES}
        if kind == "model"
        else {"agent_type": AGENT_TYPES, "framework": AGENT_FRAMEWORKS}
    )
    for field, variants in names.items():
        value = item.get(field, variants[0])
        if isinstance(value, dict):
            assert list(value) == ["Other"]
            assert value["Other"] not in variants
        else:
            assert value in variants


@each_item
def test_version_is_semver_and_licence_is_canonical_spdx(kind: Kind, item: Item) -> None:
    Version.parse(item.get("version", "0.1.0"))
    licence = item.get("license", "MIT")
    assert canonicalize_license_expression(licence) == licence


@each_item
def test_labels_are_slugs_without_duplicates(kind: Kind, item: Item) -> None:
    for field in ("tags", "capabilities", "tools"):
        labels = item.get(field, [])
        assert [label for label in labels if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", label)] == []
        assert len(set(labels)) == len(labels)
    assert item["tags"]
    assert item["capabilities"]


@each_item
def test_description_is_one_short_sentence(kind: Kind, item: Item) -> None:
    description = item["description"]
    assert 20 <= len(description) <= 120
    assert description.endswith(".")
    assert "\n" not in description


@pytest.mark.parametrize("item", ITEMS["agent"], ids=lambda item: item["name"])
def test_an_agent_prefers_models_of_this_file_and_of_types_it_can_use(item: Item) -> None:
    preferred = item["preferred_model_names"]
    assert preferred
    assert len(set(preferred)) == len(preferred)
    types = item.get("compatible_model_types", ["LLM"])
    assert [name for name in preferred if MODELS[name].get("model_type", "LLM") not in types] == []


@each_item
def test_the_authoring_rules_find_neither_error_nor_warning(kind: Kind, item: Item) -> None:
    record = signed_form(kind, item)
    types: dict[str, Json] = {model_id(model): model.get("model_type", "LLM") for model in ITEMS["model"]}
    assert check(kind, record, model_type=types.get) == []
    assert list(wire_problems(kind, record)) == []


def test_manifests_show_files_results_lineage_needs_and_what_is_not_to_be_used() -> None:
    behind = [item["manifest"] for _, item in EVERY if "manifest" in item]
    assert len(behind) >= 40
    for said in ("artifacts", "evaluations", "derived_from", "architecture", "interfaces", "required_model_names"):
        assert any(said in manifest for manifest in behind), said
    assert any(manifest.get("status") == "Deprecated" and "superseded_by_name" in manifest for manifest in behind)


@each_item
def test_only_what_is_made_up_states_files_and_measures_of_its_own(kind: Kind, item: Item) -> None:
    """A digest or a figure of a real model would be an invention; its measures name the paper they stand in."""
    manifest = item.get("manifest", {})
    if item["publisher"] == "lighthouse":
        assert item["description"].startswith("Made up: ")
    else:
        assert "artifacts" not in manifest
        assert all(found["source"].startswith("https://arxiv.org/abs/") for found in manifest.get("evaluations", []))


@each_item
def test_a_manifest_is_valid_and_the_authoring_rules_find_nothing_in_it(kind: Kind, item: Item) -> None:
    if "manifest" not in item:
        return
    record = signed_form(kind, item)
    signer = Identity.generate()
    record |= {"owner_id": signer.address}
    record[f"{kind}_id"] = derive_id(kind, signer.address, item["name"], CREATED_AT)
    ids = {name: model_id(model) for name, model in MODELS.items()}
    kinds: dict[str, Kind] = dict.fromkeys(ids.values(), "model")
    manifest = manifest_of(sign_up(signer, kind, record), item["manifest"], ids)
    assert list(wire_problems("manifest", manifest)) == []
    assert check_manifest(manifest, kind_of=kinds.get) == []


def signed_form(kind: Kind, item: Item) -> Record:
    """The record as the demo will sign it: preferred models by id, owner, id and times set."""
    plain: dict[str, Json] = {name: value for name, value in item.items() if name not in FOR_THE_DEMO}
    if kind == "agent":
        preferred = [model_id(MODELS[name]) for name in item["preferred_model_names"]]
        plain["preferred_models"] = list(preferred)
        if "formfile_template" in item:
            plain["formfile_template"] = naming_models(item["formfile_template"], preferred)
    owner = owner_of(item)
    plain |= {"owner_id": owner, "created_at": CREATED_AT, "updated_at": CREATED_AT}
    plain[f"{kind}_id"] = derive_id(kind, owner, item["name"], CREATED_AT)
    return read_record(kind, plain)


def model_id(item: Item) -> str:
    return derive_id("model", owner_of(item), item["name"], CREATED_AT)


def owner_of(item: Item) -> str:
    """Some address that is always the same for a publisher."""
    return hashlib.sha256(item["publisher"].encode()).hexdigest()[:40]
