"""Files and forms into plain records: what may be meant is understood, what cannot be gets its place and a way out."""

from __future__ import annotations

import copy
import json
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from tui_registry.errors import InvalidRecord, Json, Kind
from tui_registry.records.as_written import read_as_far_as_it_goes, read_record
from tui_registry.records.documents import MAX_DEPTH, MAX_DOCUMENT_BYTES, DocumentError, load_document
from tui_registry.records.schema import defaults
from tui_registry.records.wire import check_shape


def faults(kind: Kind, data: Json) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidRecord) as caught:
        read_record(kind, data)
    assert all(problem.severity == "error" for problem in caught.value.problems)
    return [(problem.path, problem.code, problem.sentence) for problem in caught.value.problems]


# ---- records -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["model", "agent"])
def test_nothing_given_is_a_draft_of_defaults(kind: Kind) -> None:
    assert read_record(kind, {}) == defaults(kind)


def test_what_a_node_tells_beside_the_fields_is_passed_over_where_it_says_which_state_it_tells_of() -> None:
    told: dict[str, Json] = {"name": "x", "conflict": True, "heads": ["0" * 64], "versions": [], "ancestor": None}
    assert read_record("model", {**told, "revision": "0" * 64}) == read_record("model", {"name": "x"})
    # Without that it may be a slip, which nobody would notice.
    for revision in ({}, {"revision": "7"}, {"revision": None}):
        assert "versions" in [path for path, _, _ in faults("model", {**told, **revision})]


def test_fields_may_come_in_any_order_and_leave_in_theirs() -> None:
    record = read_record("model", {"tags": ["chat"], "resource_requirements": {"min_disk_gb": 1}, "name": "x"})
    assert list(record) == list(defaults("model"))
    check_shape("model", record)
    assert (record["name"], record["tags"]) == ("x", ["chat"])


def test_an_update_keeps_what_is_not_given_and_leaves_its_base_alone() -> None:
    base = defaults("model") | {"name": "old", "tags": ["chat"]}
    before = copy.deepcopy(base)
    record = read_record("model", {"version": "2.0.0", "resource_requirements": {"min_vcpus": 4}}, base=base)
    assert (record["name"], record["version"], record["tags"]) == ("old", "2.0.0", ["chat"])
    assert record["resource_requirements"] == {**_dict(base["resource_requirements"]), "min_vcpus": 4}
    assert base == before
    assert record["tags"] is not base["tags"]


def merged(target: Json, patch: Json) -> Json:
    """A merge patch, as RFC 7396 (section 2) writes it down."""
    if not isinstance(patch, dict):
        return patch
    result = {**target} if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


BASE: dict[Kind, dict[str, Json]] = {
    "model": {
        "name": "old", "version": "2.0.0", "tags": ["chat"], "model_type": {"Other": "odd"}, "quantization": "INT4",
        "resource_requirements": {"min_vcpus": 4, "requires_gpu": True, "min_vram_gb": 8}, "parameters": 7,
    },
    "agent": {"name": "old", "tools": ["web"], "framework": "CrewAI", "resource_requirements": {"min_disk_gb": 9}},
}  # fmt: skip
NEW: dict[str, Json] = {
    "name": "new", "description": "text", "tags": ["a", "b"], "tools": [], "parameters": "7b", "context_length": "32k",
    "model_type": {"Other": "odder"}, "framework": {"Other": "own"}, "quantization": "fp16", "license": "MIT",
    "capabilities": [],
}  # fmt: skip
NEEDS: dict[str, Json] = {"min_vcpus": 2, "min_disk_gb": "40GB", "min_memory_mb": "2GB"}


@given(st.data(), st.sampled_from(["model", "agent"]))
def test_a_merge_patch_gives_what_the_document_that_it_makes_gives(data: st.DataObject, kind: Kind) -> None:
    def changed(new: dict[str, Json], known: dict[str, Json]) -> dict[str, Json]:
        names = data.draw(st.sets(st.sampled_from(sorted(new.keys() & known.keys()))))
        return {name: data.draw(st.sampled_from([new[name], None])) for name in names}

    before = read_record(kind, BASE[kind])
    patch = changed(NEW, before)
    needs = changed(NEEDS, _dict(before["resource_requirements"]))
    if data.draw(st.booleans()):
        patch["resource_requirements"] = needs or None
    record, problems = read_as_far_as_it_goes(kind, patch, base=before, is_patch=True)
    assert problems == []
    assert record == read_record(kind, merged(before, patch))


def test_a_patch_of_what_there_is_not_is_refused_with_null_too() -> None:
    _, problems = read_as_far_as_it_goes("model", {"licence": None}, base=defaults("model"), is_patch=True)
    assert [(problem.path, problem.code) for problem in problems] == [("licence", "unknown_field")]


def _dict(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value


def test_our_own_export_is_read() -> None:
    exported: Json = {"kind": "model", "id": "0" * 64, "record": {"name": "x"}, "heads": [], "problems": []}
    assert read_record("model", exported)["name"] == "x"
    assert faults("agent", exported) == [("kind", "kind", "must be agent, not model")]


@pytest.mark.parametrize(("data", "what"), [([1], "a list"), ("x", "text"), (None, "null"), (5, "a number")])
def test_what_is_no_object_is_refused(data: Json, what: str) -> None:
    assert faults("model", data) == [("", "type", f"must be an object of fields, not {what}")]


def test_numbers_may_be_in_people_s_units() -> None:
    record = read_record(
        "model",
        {
            "parameters": "7.6b",
            "context_length": "32k",
            "input_tokens_per_second": "1.5k",
            "created_at": "1700000000",
            "updated_at": "-5",
            "resource_requirements": {
                "min_vcpus": "4",
                "min_memory_mb": "16GB",
                "recommended_memory_mb": "32768",
                "min_disk_gb": "1TB",
                "min_vram_gb": "24 GB",
                "cuda_cores": "16k",
            },
        },
    )
    assert (record["parameters"], record["context_length"], record["input_tokens_per_second"]) == (7.6e9, 32_768, 1500)
    assert (record["created_at"], record["updated_at"]) == (1_700_000_000, -5)
    needs = _dict(record["resource_requirements"])
    assert (needs["min_vcpus"], needs["min_memory_mb"], needs["recommended_memory_mb"]) == (4, 16_384, 32_768)
    assert (needs["min_disk_gb"], needs["min_vram_gb"], needs["cuda_cores"]) == (1024, 24, 16_000)
    check_shape("model", record)


def test_a_whole_number_in_floating_point_is_that_number() -> None:
    assert type(read_record("model", {"parameters": 7e9})["parameters"]) is int


@pytest.mark.parametrize("nothing", [None, "", "~", "null", "none", " None "])
def test_the_ways_to_write_nothing_into_an_optional_field(nothing: Json) -> None:
    record = read_record("model", {"quantization": nothing, "context_length": nothing})
    assert (record["quantization"], record["context_length"]) == (None, None)


@pytest.mark.parametrize(
    ("flag", "value"), [(True, True), ("yes", True), ("On", True), ("TRUE", True), ("no", False), ("off", False)]
)
def test_flags_as_people_write_them(flag: Json, value: bool) -> None:
    record = read_record("model", {"resource_requirements": {"requires_gpu": flag}})
    assert _dict(record["resource_requirements"])["requires_gpu"] is value


@pytest.mark.parametrize("spelt", ["ImageGeneration", "imagegeneration", "image-generation", "Image Generation"])
def test_variants_are_known_in_any_case(spelt: str) -> None:
    assert read_record("model", {"model_type": spelt})["model_type"] == "ImageGeneration"


def test_other_stays_as_it_was_written() -> None:
    assert read_record("model", {"model_type": {"Other": "llm"}})["model_type"] == {"Other": "llm"}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"licence": "MIT"}, ("licence", "unknown_field", "unknown field 'licence': did you mean 'license'?")),
        ({"zzzzzz": 1}, ("zzzzzz", "unknown_field", "unknown field 'zzzzzz'")),
        ({"a\x1b[2J": 1}, ("a\ufffd[2J", "unknown_field", "unknown field 'a\ufffd[2J'")),
        (
            {"resource_requirements": {"min_vcpu": 1}},
            (
                "resource_requirements.min_vcpu",
                "unknown_field",
                "unknown field 'min_vcpu': did you mean 'min_vcpus'?",
            ),
        ),
        (
            {"resource_requirements": 5},
            ("resource_requirements", "type", "must be an object of fields, not a number"),
        ),
        ({"version": 1.0}, ("version", "type", "must be text, not a number: put it in quotes")),
        ({"name": None}, ("name", "type", "must be text, not null")),
        ({"name": True}, ("name", "type", "must be text, not true or false: put it in quotes")),
        (
            {"name": "\ud800"},
            ("name", "not_unicode", "holds a lone surrogate, which is not a character: remove it"),
        ),
        ({"tags": "chat"}, ("tags", "type", "must be a list, not text: write [chat]")),
        ({"tags": {"a": 1}}, ("tags", "type", "must be a list, not an object: write [chat]")),
        ({"tags": ["a", 5]}, ("tags[1]", "type", "must be text, not a number: put it in quotes")),
        ({"parameters": True}, ("parameters", "type", "must be a whole number, not true or false")),
        ({"parameters": 1.5}, ("parameters", "type", "must be a whole number, not 1.5")),
        ({"parameters": float("inf")}, ("parameters", "type", "must be a whole number, not inf")),
        ({"parameters": None}, ("parameters", "type", "must be a whole number, not null")),
        (
            {"parameters": "seven"},
            ("parameters", "number", "seven is not a count: write 7.6b, 135m or 7,600,000,000"),
        ),
        (
            {"parameters": -1},
            (
                "parameters",
                "range",
                "-1 does not fit: write a whole number from 0 to 18,446,744,073,709,551,615",
            ),
        ),
        (
            {"resource_requirements": {"min_vcpus": 300}},
            (
                "resource_requirements.min_vcpus",
                "range",
                "300 does not fit: write a whole number from 0 to 255",
            ),
        ),
        (
            {"resource_requirements": {"min_memory_mb": "lots"}},
            (
                "resource_requirements.min_memory_mb",
                "number",
                "lots is not a size in MB: write 512, 16GB or 1.5TB",
            ),
        ),
        (
            {"resource_requirements": {"requires_gpu": 1}},
            ("resource_requirements.requires_gpu", "type", "must be true or false, not a number"),
        ),
        (
            {"resource_requirements": {"requires_gpu": "maybe"}},
            ("resource_requirements.requires_gpu", "type", "must be true or false, not maybe"),
        ),
        (
            {"created_at": "today"},
            ("created_at", "number", "today is not a whole number: write one such as 1700000000"),
        ),
        (
            {"framework": "pytorhc"},
            (
                "framework",
                "unknown_variant",
                'pytorhc is not a variant: did you mean PyTorch? Else write {"Other": "pytorhc"}',
            ),
        ),
        (
            {"framework": "ggml"},
            (
                "framework",
                "unknown_variant",
                'ggml is none of PyTorch, TensorFlow, ONNX, JAX, CoreML: write {"Other": "ggml"}',
            ),
        ),
        (
            {"framework": ""},
            (
                "framework",
                "unknown_variant",
                "must not be empty: write one of PyTorch, TensorFlow, ONNX, JAX, CoreML",
            ),
        ),
        (
            {"framework": {"other": "ggml"}},
            (
                "framework",
                "type",
                'must be one of PyTorch, TensorFlow, ONNX, JAX, CoreML or {"Other": "text"}, not an object',
            ),
        ),
    ],
)
def test_a_fault_says_where_and_what_would_be_right(fields: dict[str, Json], fault: tuple[str, str, str]) -> None:
    assert faults("model", fields) == [fault]


def test_every_fault_is_reported_not_only_the_first() -> None:
    assert [path for path, _, _ in faults("agent", {"nam": 1, "tools": [1, "a", 2], "version": []})] == [
        "nam", "version", "tools[0]", "tools[2]",
    ]  # fmt: skip


def test_a_file_full_of_faults_gives_a_bounded_number_of_them() -> None:
    assert len(faults("model", {f"field{index}": 1 for index in range(5000)})) == 100
    assert len(faults("model", {"tags": list[Json](range(5000))})) == 100


json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", ["model", "agent"])
@given(data=st.data())
def test_whatever_a_file_holds_comes_out_in_shape_or_as_problems(kind: Kind, data: st.DataObject) -> None:
    fields = st.sampled_from(list(defaults(kind)))
    given_fields: Json = data.draw(st.dictionaries(fields, json_values, max_size=5) | json_values)
    with suppress(InvalidRecord):
        check_shape(kind, read_record(kind, given_fields))


# ---- documents -----------------------------------------------------------------------------------------------------


def test_json_is_read() -> None:
    assert load_document('\ufeff{"a": [1, 2.5, true, null, "NaN [{"]}', "m.json") == {
        "a": [1, 2.5, True, None, "NaN [{"]
    }


def test_yaml_scalars_stay_text() -> None:
    text = "version: 1.0\nlicense: no\nname: 123\ntags: [on, 0x10]\nwhen: 2024-05-01\nlong: |\n  a\n  b\nempty:\n"
    assert load_document(text, "m.yaml") == {
        "version": "1.0",
        "license": "no",
        "name": "123",
        "tags": ["on", "0x10"],
        "when": "2024-05-01",
        "long": "a\nb\n",
        "empty": "",
    }


def test_a_record_from_yaml_has_the_types_of_its_fields() -> None:
    text = """
        name: 123
        version: 1.0
        parameters: 7_000_000
        context_length: null
        quantization: ~
        tags:
        - chat
        capabilities:
        resource_requirements:
          min_memory_mb: 16GB
          requires_gpu: yes
        model_type: {Other: 42}
    """
    record = read_record("model", load_document(text, "m.yml"))
    check_shape("model", record)
    assert (record["name"], record["version"], record["parameters"]) == ("123", "1.0", 7_000_000)
    assert (record["context_length"], record["quantization"], record["capabilities"]) == (None, None, [])
    assert record["model_type"] == {"Other": "42"}
    assert _dict(record["resource_requirements"])["requires_gpu"] is True


@pytest.mark.parametrize(
    ("text", "value"), [('{"a": 1}', {"a": 1}), ("\n [1]", [1]), ("a: 1", {"a": "1"}), ("- 1", ["1"])]
)
def test_without_a_telling_name_the_first_character_decides(text: str, value: Json) -> None:
    assert load_document(text, "-") == value


DEEP = MAX_DEPTH + 1


@pytest.mark.parametrize(
    ("name", "text", "place", "sentence"),
    [
        ("m.json", '{"a": 1, "a": 2}', (1, 10), "a is given twice: keep one"),
        ("m.json", '{"a": 1,\n "\\u0061": 2}', (2, 2), "a is given twice: keep one"),
        ("m.json", '{"a": NaN}', (1, 7), "NaN is not a JSON number"),
        ("m.json", '{"a": -Infinity}', (1, 7), "-Infinity is not a JSON number"),
        ("m.json", '{"a": ' + "1" * 5000 + "}", (1, 7), "a number has 5,000 characters: no field takes that"),
        ("m.json", "[" * 100_000, (1, DEEP), f"is nested deeper than {MAX_DEPTH} levels"),
        ("m.json", '{"a" 1}', (1, 6), "is not JSON: expecting ':' delimiter"),
        ("m.json", '{"a":\n', (2, 1), "is not JSON: expecting value"),
        ("m.json", '{"a": "x\ny"}', (1, 9), "is not JSON: invalid control character"),
        ("m.json", '{"a": "x', (1, 7), "is not JSON: unterminated string"),
        ("m.json", '{"a": 1} b', (1, 10), "is not JSON: extra data"),
        ("m.json", "<html>", (1, 1), "is not JSON: expecting value"),
        ("m.yaml", "a: 1\nb: 2\na: 3", (3, 1), "a is given twice: keep one"),
        ("m.yaml", "a: {b: 1, b: 2}", (1, 11), "b is given twice: keep one"),
        ("m.yaml", "a: &x 1", (1, 4), "anchors such as &name are not read: write the value out"),
        ("m.yaml", "a: &x [1]", (1, 4), "anchors such as &name are not read: write the value out"),
        ("m.yaml", "a: *x", (1, 4), "aliases such as *name are not read: write the value out"),
        ("m.yaml", "<<: {a: b}", (1, 1), "merge keys (<<) are not read: write the fields out"),
        (
            "m.yaml",
            "a: !!python/object:os.system x",
            (1, 4),
            "tags such as !!str are not read: leave it out, the field decides the type",
        ),
        ("m.yaml", "? [a]\n: b", (1, 3), "a key must be text"),
        ("m.yaml", "a: 1\n---\nb: 2", (2, 1), "holds more than one document: keep one"),
        ("m.yaml", "[" * 100, (1, DEEP), f"is nested deeper than {MAX_DEPTH} levels"),
        ("m.yaml", "a: \x07", (1, 4), "holds a control character: remove it"),
    ],
)
def test_a_broken_document_says_where_and_why(name: str, text: str, place: tuple[int, int], sentence: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_document(text, name)
    assert caught.value.sentence == f"{name}, line {place[0]}, column {place[1]}: {sentence}"
    assert (caught.value.line, caught.value.column, caught.value.code) == (*place, "document")


def test_broken_yaml_says_where_in_the_words_of_its_scanner() -> None:
    with pytest.raises(DocumentError, match=r"^m\.yaml, line 1, column 5: is not YAML: mapping values are not allowed"):
        load_document("a: b: c", "m.yaml")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("m.json", "", "m.json: is empty"),
        ("m.yaml", "# a comment\n", "m.yaml: is empty"),
        ("m.yaml", "x" * (MAX_DOCUMENT_BYTES + 1), "m.yaml: is longer than the 1,048,576 bytes that are read"),
        ("-", "a: \ud800", "-: holds bytes that are not UTF-8: save it as UTF-8"),
        ("\x1b[2J.json", "", "\ufffd[2J.json: is empty"),
    ],
)
def test_a_document_that_cannot_be_read_at_all(name: str, text: str, sentence: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_document(text, name)
    assert caught.value.sentence == sentence


@given(st.text(max_size=60) | st.text(st.sampled_from("{}[]:,-?&*!|>'\"%@` \n\tab1#"), max_size=60), st.booleans())
def test_any_text_is_read_or_refused_in_one_line(text: str, as_json: bool) -> None:
    refused = ""
    try:
        load_document(text, "f.json" if as_json else "f.yaml")
    except DocumentError as error:
        refused = error.sentence
    assert "\n" not in refused


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(plain_json, st.sampled_from([None, 1]))
def test_json_that_python_prints_is_read_back(value: Json, indent: int | None) -> None:
    assert load_document(json.dumps(value, indent=indent), "f.json") == value
