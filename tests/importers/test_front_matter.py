"""Front matter as programs write it: what can be read of it is read, what cannot is told, and nothing costs the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source
from tui_registry.importers.draft_writer import Draft, put_version


def card(
    tmp_path: Path, front: str | bytes, body: str = "# Name of it\nA model that does what a test asks of it.\n"
) -> Finding:
    raw = front if isinstance(front, bytes) else front.encode()
    (tmp_path / "README.md").write_bytes(raw + body.encode())
    (found,) = read_source(tmp_path / "README.md")
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize("before", ["\n", "\n  \r\n\n", "\ufeff", "\ufeff\n"])
def test_blank_lines_and_a_byte_order_mark_may_stand_before_it(tmp_path: Path, before: str) -> None:
    found = card(tmp_path, f"{before}---\nlicense: mit\ntags:\n- chat\n---\n")
    assert (at(found, "license"), at(found, "tags")) == ("MIT", ["chat"])


def test_anchors_and_merge_keys_are_read(tmp_path: Path) -> None:
    found = card(
        tmp_path, "---\nlicense: mit\nbase: &b\n  tags: &t [chat, legal]\ntags: *t\nlanguage: [en]\nx:\n  <<: *b\n---\n"
    )
    assert at(found, "tags") == ["chat", "legal", "en"]


def test_a_billion_laughs_costs_the_fields_that_laugh(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for this, last in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{this}: &{this} [{', '.join([f'*{last}'] * 10)}]")
    found = card(tmp_path, "---\n" + "\n".join(lines) + "\nlicense: mit\ntags: *a\n---\n")
    assert (at(found, "license"), at(found, "tags")) == ("MIT", ["x"])
    assert any("stand for more than 100,000 values" in note for note in found.notes)


def test_an_anchor_inside_itself_costs_its_field(tmp_path: Path) -> None:
    assert at(card(tmp_path, "---\na: &a [*a]\nlicense: mit\n---\n"), "license") == "MIT"


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ("license: mit\nwidget:\n\t- text: x\ntags: [chat]", "widget could not be read and was left out (line 4"),
        ("license: mit\ntags: [chat]\nnote: 'a' b", "note could not be read and was left out"),
        ("license: mit\ntags: [chat]\nnote: a: b", "note is no YAML, so its line was taken as it stands (line 4)"),
        ("license: mit\ntags: [chat]\nx: {{ .Values.y }}", "x could not be read and was left out"),
        ("license: mit\nname: a\nname: b\ntags: [chat]", "name is given twice with different values"),
    ],
)
def test_what_is_no_yaml_costs_the_field_and_is_told(tmp_path: Path, front: str, told: str) -> None:
    found = card(tmp_path, f"---\n{front}\n---\n")
    assert (at(found, "license"), at(found, "tags")) == ("MIT", ["chat"])
    assert any(told in note for note in found.notes), found.notes


def test_a_key_that_is_given_twice_with_the_same_value_is_read(tmp_path: Path) -> None:
    assert at(card(tmp_path, "---\nlicense: mit\nlicense: mit\n---\n"), "license") == "MIT"


def test_a_tag_of_yaml_and_a_control_character_cost_nothing(tmp_path: Path) -> None:
    found = card(tmp_path, "---\nlicense: !!str mit\ntags: !!python/tuple\n- chat\x07\n---\n")
    assert (at(found, "license"), at(found, "tags")) == ("MIT", ["chat"])


def test_front_matter_of_megabytes_is_read(tmp_path: Path) -> None:
    results = "".join(f"  - task: {{type: t{n}}}\n" for n in range(120_000))
    found = card(tmp_path, f"---\nmodel-index:\n- name: x\n  results:\n{results}license: mit\n---\n")
    assert at(found, "license") == "MIT"
    assert any("the results in the model card are too many" in note for note in found.notes)


def test_latin_1_is_read_and_told(tmp_path: Path) -> None:
    found = card(tmp_path, "---\nlicense: mit\ntags: [français]\n---\n".encode("latin-1"))
    assert at(found, "tags") == ["francais"]
    assert "a line is not UTF-8: read as Latin-1" in found.notes


def test_what_no_field_holds_is_told(tmp_path: Path) -> None:
    found = card(tmp_path, "---\nlicense: mit\nwidget: [squad, c4]\nmetrics:\n- name: x\n- name: y\n---\n")
    (told,) = (note for note in found.notes if "no field holds" in note)
    assert told == "the card also states what no field holds: widget squad, c4; metrics (2)"


def test_tags_that_lead_elsewhere_and_what_is_beyond_the_first_few_are_told(tmp_path: Path) -> None:
    tags = "tags: [chat, 'arxiv:2310.06825', 'dataset:squad', 'region:us', 'base_model:quantized:a/b', 'license:mit']"
    several = "language: [en, de, fr, it, es, pt]\nbase_model: [a/b1, a/b2, a/b3, a/b4, a/b5]"
    found = card(tmp_path, f"---\nlicense: mit\n{tags}\n{several}\n---\n")
    assert at(found, "tags") == ["chat", "multilingual", "b1", "b2", "b3", "b4"]
    (told,) = (note for note in found.notes if "no field holds" in note)
    assert told.partition(": ")[2].split("; ") == [
        "tags arxiv:2310.06825, dataset:squad, base_model:quantized:a/b",
    ]


@pytest.mark.parametrize("word", ["null", "~", "", "NULL"])
def test_null_is_no_licence_and_no_base_model(tmp_path: Path, word: str) -> None:
    found = card(tmp_path, f"---\nlicense: {word}\nbase_model: {word}\nmodel_name: {word}\ntags: [chat]\n---\n")
    assert (at(found, "license"), at(found, "tags")) == ("LicenseRef-unstated", ["chat"])
    assert at(found, "name") == "Name of it"


@pytest.mark.parametrize(
    ("written", "wanted"),
    [("Foo 7B Model Card", "Foo 7B"), ("Model Card for Foo", "Foo"), ("Foo - Model Card", "Foo"), ("null", None),
     ("unk", None), ("Model Card: Foo", "Foo"), (" Model Card ", None), ("Model Cardinal", "Model Cardinal")],
)  # fmt: skip
def test_a_name_is_the_models_and_not_the_templates(written: str, wanted: str | None) -> None:
    draft = Draft("model", "x")
    draft.put("name", written, "a header")
    assert draft.get("name") == wanted


@pytest.mark.parametrize("date", ["2025-06-01", "2025.06.01", "2025", "v2025.06", "20250601", "2024-11-05T10:00:00Z"])
def test_a_version_that_is_a_date_is_not_made_semver(date: str) -> None:
    draft = Draft("agent", "x")
    put_version(draft, date, "version in the agent card")
    assert draft.get("version") is None
    assert any(date in note and "a date" in note for note in draft.notes)


@pytest.mark.parametrize(("written", "wanted"), [("v1.2", "1.2.0"), ("2025.6.1", "2025.6.1"), ("3", "3.0.0")])
def test_a_version_that_only_lacks_a_part_is_completed(written: str, wanted: str) -> None:
    draft = Draft("agent", "x")
    put_version(draft, written, "version")
    assert draft.get("version") == wanted


CONFIG = '"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 4096'


@pytest.mark.parametrize(
    "more", ['"limit": [0.0, Infinity]', '"x": NaN', '"x": -Infinity', '"x": 1, "x": 2', '"x": "caf\xe9"']
)
@pytest.mark.parametrize("alone", [True, False])
def test_a_configuration_is_read_as_programs_write_it(tmp_path: Path, more: str, alone: bool) -> None:
    (tmp_path / "config.json").write_bytes(f"{{{CONFIG}, {more}}}".encode("latin-1"))
    (found,) = read_source(tmp_path / "config.json" if alone else tmp_path)
    assert isinstance(found, Finding)
    assert at(found, "context_length") == 4096


def test_what_is_ours_is_still_read_strictly(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"kind": "model", "name": "a", "name": "b", "license": "MIT"}')
    (found,) = read_source(tmp_path / "m.json")
    assert isinstance(found, Finding)
    assert [problem.sentence for problem in found.problems] == ["line 1, column 32: name is given twice: keep one"]
    (tmp_path / "m.yaml").write_text("kind: model\nname: &a b\ndescription: *a\n")
    (found,) = read_source(tmp_path / "m.yaml")
    assert isinstance(found, Finding)
    assert found.record is None
    assert "anchors" in found.problems[0].sentence
    (tmp_path / "n.json").write_bytes(json.dumps({"kind": "model", "name": "é"}, ensure_ascii=False).encode("latin-1"))
    (found,) = read_source(tmp_path / "n.json")
    assert isinstance(found, Finding)
    assert "not UTF-8" in found.problems[0].sentence
