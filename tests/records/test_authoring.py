"""Each authoring rule: one record that breaks it, with its sentence, and one that keeps it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from tests.records.rules import ENOUGH, MODEL_ID, NEEDS, RULES, Rule, agent, model
from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.licences import SPELLINGS, licence_fault, searched_families
from tui_registry.records.authoring import MAX_RECORD_BYTES, check, is_plainly_valid, version_fault
from tui_registry.records.schema import AUTHORING_VERSION, MAX_OP_BYTES
from tui_registry.records.wire import wire_limits
from tui_registry.text import safe_text


def found(kind: Kind, record: Record) -> list[tuple[str, str, str, str]]:
    return [(problem.path, problem.severity, problem.code, problem.sentence) for problem in check(kind, record)]


def test_a_record_that_keeps_the_rules_has_no_problem() -> None:
    assert check("model", model()) == []
    assert check("agent", agent()) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule(rule: Rule) -> None:
    assert found(rule.kind, rule.broken) == [rule.problem]
    assert found(rule.kind, rule.kept) == []


def has_error(kind: Kind, record: Record) -> bool:
    return any(problem.severity == "error" for problem in check(kind, record))


def test_a_glance_tells_the_usual_record_from_one_that_breaks_a_rule() -> None:
    assert is_plainly_valid("model", model())
    assert is_plainly_valid("agent", agent(preferred_models=[MODEL_ID], tools=["search"]))
    for rule in RULES:
        for record in (rule.broken, rule.kept):
            if wire_limits(rule.kind, record) is None and is_plainly_valid(rule.kind, record):
                assert not has_error(rule.kind, record)


_LONG = "\x01" * 128
_VALUES: dict[str, list[Json]] = {
    "version": ["1.0.0", "1.0.0-rc.1", "1.0", "01.0.0", "1.0.0\n", "\u0661.0.0"],
    "license": ["MIT", "mit", "gpl", "Apache-2.0 OR MIT", "LicenseRef-Gemma"],
    "description": ["", "\x01" * 2_000, "\x01" * 10_000],
    "formfile_template": ["", " ", "NAME x\n", "WHAT\n", "# {" + "x" * 24_000],
    "tags": [[], ["a"], ["a", "a"], ["A"], ["a-b", "c"], ["a\n"], [str(n) for n in range(33)]],
    "capabilities": [[], ["Any Text"], [_LONG] * 30, [_LONG] * 64],
    "tools": [[], [_LONG] * 2, [_LONG] * 64],
    "preferred_models": [[], [MODEL_ID], [MODEL_ID.upper()], ["x"], [MODEL_ID] * 30],
    "compatible_model_types": [[], ["LLM"], [{"Other": "\x01" * 64}] * 16],
    "context_length": [None, 0, 1],
    "min_vcpus": [0, 1, 255],
    "recommended_vcpus": [0, 1, 2],
    "min_memory_mb": [0, 1024, 2**64 - 1],
    "recommended_memory_mb": [0, 1024, 2**64 - 1],
    "min_disk_gb": [0, 20],
    "recommended_disk_gb": [0, 20],
    "requires_gpu": [False, True],
    "min_vram_gb": [None, 0, 8],
    "cuda_cores": [None, 0],
    "tensor_cores": [None, 0],
}


@given(st.data(), st.sampled_from(("model", "agent")))
def test_what_a_glance_takes_for_valid_breaks_no_rule(data: st.DataObject, kind: Kind) -> None:
    record = model() if kind == "model" else agent()
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    for name in data.draw(st.lists(st.sampled_from([*_VALUES]), max_size=6, unique=True)):
        place = record if name in record else needs
        if name in place:
            place[name] = data.draw(st.sampled_from(_VALUES[name]))
    if is_plainly_valid(kind, record):
        assert not has_error(kind, record)


# What the rules of each version say of the records below, as a digest of yes and no.
_SAID = {1: "499eb6c27bf982a6"}


def test_which_records_are_invalid_changes_only_with_the_version_of_the_rules() -> None:
    """Replicas remember which are, and judge them anew when that number moves. A new digest belongs to a new number."""
    asked: list[tuple[Kind, Record]] = [(rule.kind, record) for rule in RULES for record in (rule.broken, rule.kept)]
    asked += [("agent" if name in agent() else "model", {**(agent() if name in agent() else model()), name: value})
              for name, values in _VALUES.items() if name in agent() or name in model() for value in values]  # fmt: skip
    spellings = {*SPELLINGS, *(other for others in SPELLINGS.values() for other in others.split())}
    spellings |= {name for name, _ in searched_families()}
    asked += [("model", model(license=spelling)) for spelling in sorted(spellings)]
    said = "".join(str(int(has_error(kind, record))) for kind, record in asked)
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    assert {AUTHORING_VERSION: digest} == {AUTHORING_VERSION: _SAID.get(AUTHORING_VERSION)}


def test_all_problems_come_at_once_in_the_order_of_the_fields() -> None:
    record = model(name="", version="1", license="gpl", tags=["A", "b", ""], parameters=0, min_vcpus=0, cuda_cores=1)
    assert [problem.path for problem in check("model", record)] == [
        "name", "version", "license", "parameters", "tags[2]", "tags[0]", f"{NEEDS}.min_vcpus", f"{NEEDS}.cuda_cores",
    ]  # fmt: skip


@pytest.mark.parametrize("fields", [{"model_id": ""}, {"owner_id": "x"}, {"created_at": -1, "updated_at": -2}])
def test_what_the_datastore_sets_is_not_complained_about(fields: dict[str, Json]) -> None:
    assert check("model", model(**fields)) == []


def test_a_record_of_the_wrong_shape_gives_one_problem() -> None:
    record = model(min_vcpus=256)
    assert check("model", record) == [
        Problem(f"{NEEDS}.min_vcpus", "error", "shape", "must be a whole number from 0 to 255")
    ]
    assert [problem.code for problem in check("agent", model())] == ["shape"]


# ---- preferred models: what this registry knows --------------------------------------------------------------------


def test_an_unknown_preferred_model_is_a_warning() -> None:
    assert check("agent", agent(preferred_models=[MODEL_ID]), model_type=lambda _: None) == [
        Problem(
            "preferred_models[0]",
            "warning",
            "unknown_model",
            "01234567 is no model known here: pull from a peer that has it, or check the id",
        )
    ]
    assert check("agent", agent(preferred_models=[MODEL_ID]), model_type=lambda _: "LLM") == []


@pytest.mark.parametrize(("its_type", "name"), [("Embedding", "Embedding"), ({"Other": "Rerank"}, "Rerank")])
def test_a_preferred_model_of_another_type_is_a_warning(its_type: Json, name: str) -> None:
    record = agent(preferred_models=[MODEL_ID], compatible_model_types=["LLM"])
    assert check("agent", record, model_type=lambda _: its_type) == [
        Problem(
            "preferred_models[0]",
            "warning",
            "incompatible_model",
            f"01234567 is of type {name}: add {name} to the compatible model types or remove it",
        )
    ]
    record["compatible_model_types"] = ["LLM", its_type]
    assert check("agent", record, model_type=lambda _: its_type) == []


def test_without_a_registry_nothing_is_said_about_what_it_knows() -> None:
    assert check("agent", agent(preferred_models=[MODEL_ID], compatible_model_types=[])) == []


# ---- templates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["", " \n", f"{ENOUGH}RUN true\n"])
def test_a_template_that_parses_or_is_blank_is_no_problem(template: str) -> None:
    assert check("model", model(formfile_template=template)) == []


def test_a_template_that_does_not_parse_is_an_error_with_its_line() -> None:
    (problem,) = check("model", model(formfile_template=f"{ENOUGH}\nRUNN true\n"))
    assert (problem.path, problem.severity) == ("formfile_template", "error")
    assert problem.sentence.startswith("line 6: ")


@pytest.mark.parametrize(
    "secret", ["USER username:a passwd:$6$saltsalt$" + "x" * 86, "RUN echo -----BEGIN OPENSSH PRIVATE KEY-----"]
)
def test_a_template_with_a_secret_is_an_error_with_its_line(secret: str) -> None:
    problems = check("model", model(formfile_template=f"{ENOUGH}{secret}\n"))
    assert [(p.path, p.severity, p.code) for p in problems] == [("formfile_template", "error", "secret")]
    assert problems[0].sentence.startswith("line 5: ")


# ---- the operation's size ------------------------------------------------------------------------------------------


def test_the_room_kept_is_enough_for_an_operation_with_sixteen_children() -> None:
    last = 2**63 - 1
    record = model()
    op = {
        "Model": {
            "Up": {
                "dot": {"actor": "a" * 40, "counter": last},
                "key": "b" * 64,
                "op": {
                    "op": {"value": record, "vclock": {"a" * 40: last}, "children": ["c" * 64] * 16},
                    "signature": {"sig": "d" * 128, "rec": 3},
                    "hash": "e" * 64,
                },
            }
        }
    }
    around = len(json.dumps(op, separators=(",", ":"))) - len(json.dumps(record, separators=(",", ":")))
    assert around <= MAX_OP_BYTES - MAX_RECORD_BYTES


# ---- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "version", ["0.0.0", "1.2.3", "1.0.0-alpha.1", "1.0.0-0.3.7", "1.0.0+20130313144700", "1.0.0--"]
)
def test_semver_versions_pass(version: str) -> None:
    assert version_fault(version) is None


@pytest.mark.parametrize(
    ("version", "meant"),
    [
        ("1", "1.0.0"), ("1.0", "1.0.0"), ("v1.2", "1.2.0"), ("V 2", "2.0.0"), ("01.2.3", "1.2.3"),
        ("1.2.3.4", "1.2.3-4"), ("1.0rc1", "1.0.0-rc1"), ("1.0.0.dev3", "1.0.0-dev3"), ("1.0.0_beta", "1.0.0-beta"),
        ("1.0.0-01", "1.0.0-1"), ("1.2.3-", "1.2.3"), ("2024-05-01", "2024.5.1"), ("1.0+cu118", "1.0.0+cu118"),
        ("latest", "a version such as 0.1.0"), ("v", "a version such as 0.1.0"), ("١.0.0", "a version such as 0.1.0"),
    ],
)  # fmt: skip
def test_the_semver_that_was_meant_is_proposed(version: str, meant: str) -> None:
    assert version_fault(version) == f"{version} is not SemVer: write {meant}"


def test_a_line_end_after_a_version_is_seen() -> None:
    assert version_fault("1.0.0\n") == "1.0.0↵ is not SemVer: write 1.0.0"


@given(st.text(max_size=20) | st.from_regex(r"v?[0-9]{1,3}([.-][0-9a-z+]{1,4}){0,5}", fullmatch=True))
def test_a_proposed_version_passes_itself(version: str) -> None:
    sentence = version_fault(version)
    if sentence is not None and " such as " not in sentence:
        assert version_fault(sentence.rpartition(" write ")[2]) is None


# ---- licences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "MIT", "Apache-2.0 OR MIT", "(MIT OR Apache-2.0) AND CC-BY-4.0", "GPL-2.0-only WITH Classpath-exception-2.0",
        "LicenseRef-Llama-3.1", "LicenseRef-A OR LicenseRef-a", "MIT AND LicenseRef-House", "EPL-1.0+", "0BSD",
    ],
)  # fmt: skip
def test_spdx_expressions_pass(expression: str) -> None:
    assert licence_fault(expression) is None


@pytest.mark.parametrize(
    ("expression", "severity", "code", "sentence"),
    [
        ("apache-2.0 or mit", "warning", "license_spelling", "SPDX spells it differently: write Apache-2.0 OR MIT"),
        ("licenseref-x", "warning", "license_spelling", "SPDX spells it differently: write LicenseRef-x"),
        (
            "gpl-3.0",
            "warning",
            "license_deprecated",
            "GPL-3.0 is no longer an SPDX id of its own: write GPL-3.0-only or GPL-3.0-or-later",
        ),
        (
            "MIT OR LGPL-2.1+",
            "warning",
            "license_deprecated",
            "LGPL-2.1+ is no longer an SPDX id of its own: write LGPL-2.1-or-later",
        ),
        (
            "bsd",
            "error",
            "license_ambiguous",
            "bsd is ambiguous: BSD-2-Clause, BSD-3-Clause, BSD-3-Clause-Clear, BSD-4-Clause or 0BSD?",
        ),
        (
            "cc",
            "error",
            "license_ambiguous",
            "cc is ambiguous: CC0-1.0, CC-BY-4.0, CC-BY-SA-4.0, CC-BY-NC-4.0, CC-BY-NC-SA-4.0, CC-BY-ND-4.0"
            " or CC-BY-NC-ND-4.0?",
        ),
        (
            "GPL",
            "error",
            "license_ambiguous",
            "GPL is ambiguous: GPL-2.0-only, GPL-2.0-or-later, GPL-3.0-only or GPL-3.0-or-later?",
        ),
        ("agpl3", "error", "license_ambiguous", "agpl3 is ambiguous: AGPL-3.0-only or AGPL-3.0-or-later?"),
        ("MIT or mpl", "error", "license_ambiguous", "mpl is ambiguous: MPL-1.0, MPL-1.1 or MPL-2.0?"),
        (
            "llama",
            "error",
            "license_ambiguous",
            "llama is ambiguous: LicenseRef-Llama-2, LicenseRef-Llama-3, LicenseRef-Llama-3.1, LicenseRef-Llama-3.2,"
            " LicenseRef-Llama-3.3 or LicenseRef-Llama-4?",
        ),
        ("apache 2", "error", "license_unknown", "apache 2 is not an SPDX licence: write Apache-2.0"),
        (
            "Apache License, Version 2.0",
            "error",
            "license_unknown",
            "Apache License, Version 2.0 is not an SPDX licence: write Apache-2.0",
        ),
        ("mit license", "error", "license_unknown", "mit license is not an SPDX licence: write MIT"),
        ("bsd-3", "error", "license_unknown", "bsd-3 is not an SPDX licence: write BSD-3-Clause"),
        ("cc by 4.0", "error", "license_unknown", "cc by 4.0 is not an SPDX licence: write CC-BY-4.0"),
        ("Apche-2.0", "error", "license_unknown", "Apche-2.0 is not an SPDX licence: write Apache-2.0"),
        ("mti", "error", "license_unknown", "mti is not an SPDX licence: write MIT"),
        ("llama3.1", "error", "license_unknown", "llama3.1 is not an SPDX licence: write LicenseRef-Llama-3.1"),
        ("gemma", "error", "license_unknown", "gemma is not an SPDX licence: write LicenseRef-Gemma"),
        (
            "creativeml-openrail-m",
            "error",
            "license_unknown",
            "creativeml-openrail-m is not an SPDX licence: write LicenseRef-CreativeML-OpenRAIL-M",
        ),
        (
            "house rules",
            "error",
            "license_unknown",
            "house rules is not an SPDX licence: write an id such as MIT or Apache-2.0, or LicenseRef-house-rules",
        ),
        (
            "unknown",
            "error",
            "license_unknown",
            "unknown names no licence: write an SPDX id such as MIT, or LicenseRef- and a name of your own",
        ),
        (
            "GPL-2.0-only WITH classpath-2.0",
            "error",
            "license_unknown",
            "classpath-2.0 is not an SPDX exception: write one of https://spdx.org/licenses/exceptions-index.html",
        ),
        (
            "GPL-2.0-only WITH classpth-exception-2.0",
            "error",
            "license_unknown",
            "classpth-exception-2.0 is not an SPDX exception: write Classpath-exception-2.0",
        ),
        (
            "LicenseRef-my_own",
            "error",
            "license_ref",
            "LicenseRef-my_own may hold letters, digits, dots and hyphens only: write LicenseRef-my-own",
        ),
        (
            "MIT, Apache-2.0",
            "error",
            "license_syntax",
            "MIT, Apache-2.0 lists licences: write MIT OR Apache-2.0 or MIT AND Apache-2.0",
        ),
        (
            "MIT OR",
            "error",
            "license_syntax",
            "MIT OR does not read as an SPDX expression: write one such as MIT OR Apache-2.0",
        ),
        (
            "MIT\nOR Apache-2.0",
            "error",
            "license_syntax",
            "holds a line break or a space of another kind: write MIT OR Apache-2.0",
        ),
    ],
)
def test_the_licence_that_was_meant_is_proposed(expression: str, severity: str, code: str, sentence: str) -> None:
    fault = licence_fault(expression)
    assert fault is not None
    assert fault[:3] == (severity, code, sentence)
    for written in fault.instead:
        assert licence_fault(written) is None, "what is proposed is right"


@given(st.text(st.sampled_from("MITorand()+-. WHlicenserf0123_/\u202e"), max_size=40) | st.text(max_size=128))
def test_any_text_gives_a_sentence_or_nothing_and_never_raises(expression: str) -> None:
    fault = licence_fault(expression)
    assert fault is None or (len(fault.sentence) < 400 and safe_text(fault.sentence) == fault.sentence)


def test_importing_the_rules_imports_no_library() -> None:
    heavy = "{'pydantic', 'packaging', 'semver', 'rapidfuzz', 'yaml', 'tui_registry.formfile', 'difflib'}"
    code = f"import sys, tui_registry.records.authoring, tui_registry.records.as_written; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
