"""Each authoring rule: one record that breaks it, with its sentence, and one that keeps it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.records.authoring import MAX_RECORD_BYTES, check
from tui_registry.records.licences import licence_fault
from tui_registry.records.schema import MAX_OP_BYTES, defaults
from tui_registry.records.versions import version_fault
from tui_registry.text import safe_text

MODEL_ID = "0123456789abcdef" * 4


def model(**fields: Json) -> Record:
    """A model without a fault, and then the given fields; dotted names reach into the requirements."""
    record = defaults("model") | {"name": "nordlicht-7b", "parameters": 7_000_000_000, "context_length": 32_768}
    return with_fields(record, fields)


def agent(**fields: Json) -> Record:
    return with_fields(defaults("agent") | {"name": "kontor"}, fields)


def with_fields(record: Record, fields: dict[str, Json]) -> Record:
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    for name, value in fields.items():
        (record if name in record else needs)[name] = value
    return record


def found(kind: Kind, record: Record) -> list[tuple[str, str, str, str]]:
    return [(problem.path, problem.severity, problem.code, problem.sentence) for problem in check(kind, record)]


def test_a_record_that_keeps_the_rules_has_no_problem() -> None:
    assert check("model", model()) == []
    assert check("agent", agent()) == []


NEEDS = "resource_requirements"

RULES = [
    # broken, (path, severity, code, sentence), kept
    (model(name=""), ("name", "error", "required", "must not be empty"), model(name="x")),
    (
        model(name="x" * 129),
        ("name", "error", "too_long", "has 129 characters, at most 128 are allowed"),
        model(name="🜁" * 128),
    ),
    (
        model(name="a\0b"),
        ("name", "error", "nul", "holds a NUL character, which is not allowed anywhere"),
        model(name="a b"),
    ),
    (
        model(name=" \t"),
        ("name", "warning", "blank_name", "shows as nothing: write a name that can be read"),
        model(name=" x "),
    ),
    (
        model(name="ad\u200bmin"),
        ("name", "warning", "hidden_characters", "holds characters that do not show: it reads as ad\ufffdmin"),
        model(name="👩‍💻 Modell"),
    ),
    (
        model(version="1.0"),
        ("version", "error", "semver", "1.0 is not SemVer: write 1.0.0"),
        model(version="1.0.0-rc.1"),
    ),
    (model(version=""), ("version", "error", "required", "must not be empty"), model(version="0.0.0")),
    (
        model(description="x" * 10_001),
        ("description", "error", "too_long", "has 10,001 characters, at most 10,000 are allowed"),
        model(description="x" * 10_000),
    ),
    (
        model(license="apache"),
        (
            "license",
            "error",
            "license_ambiguous",
            "apache is ambiguous: Apache-1.0, Apache-1.1 or Apache-2.0?",
        ),
        model(license="Apache-2.0"),
    ),
    (
        model(license="mit"),
        ("license", "warning", "license_spelling", "SPDX spells it differently: write MIT"),
        model(license="MIT"),
    ),
    (
        model(model_type={"Other": ""}),
        ("model_type", "error", "required", "must not be empty"),
        model(model_type={"Other": "x" * 64}),
    ),
    (
        model(quantization={"Other": "x" * 65}),
        ("quantization", "error", "too_long", "has 65 characters, at most 64 are allowed"),
        model(quantization={"Other": "Q4_K_M"}),
    ),
    (
        model(recommended_vcpus=4, min_vcpus=8),
        (
            f"{NEEDS}.recommended_vcpus",
            "error",
            "below_minimum",
            "4 vCPUs recommended, but at least 8 needed: write 8 or more",
        ),
        model(recommended_vcpus=8, min_vcpus=8),
    ),
    (
        model(recommended_memory_mb=512),
        (
            f"{NEEDS}.recommended_memory_mb",
            "error",
            "below_minimum",
            "512 MB of memory recommended, but at least 1,024 needed: write 1,024 or more",
        ),
        model(recommended_memory_mb=1024),
    ),
    (
        model(min_disk_gb=21),
        (
            f"{NEEDS}.recommended_disk_gb",
            "error",
            "below_minimum",
            "20 GB of disk recommended, but at least 21 needed: write 21 or more",
        ),
        model(min_disk_gb=20),
    ),
    (
        model(min_vcpus=0),
        (f"{NEEDS}.min_vcpus", "error", "below_one", "0 vCPUs run nothing: write 1 or more"),
        model(min_vcpus=1),
    ),
    (
        model(min_vram_gb=24),
        (
            f"{NEEDS}.min_vram_gb",
            "error",
            "needs_gpu",
            "VRAM is of a GPU, but none is required: require a GPU or leave this empty",
        ),
        model(min_vram_gb=24, requires_gpu=True),
    ),
    (
        model(cuda_cores=0),
        (
            f"{NEEDS}.cuda_cores",
            "error",
            "needs_gpu",
            "CUDA cores are of a GPU, but none is required: require a GPU or leave this empty",
        ),
        model(cuda_cores=0, requires_gpu=True),
    ),
    (
        model(tensor_cores=1),
        (
            f"{NEEDS}.tensor_cores",
            "error",
            "needs_gpu",
            "tensor cores are of a GPU, but none is required: require a GPU or leave this empty",
        ),
        model(tensor_cores=1, requires_gpu=True),
    ),
    (
        model(context_length=0),
        ("context_length", "error", "below_one", "0 tokens hold nothing: write 1 or more, or leave this empty"),
        model(context_length=1),
    ),
    (
        model(parameters=0),
        ("parameters", "warning", "not_stated", "an LLM should state its parameters, such as 7b"),
        model(parameters=0, model_type="Embedding"),
    ),
    (
        model(context_length=None),
        ("context_length", "warning", "not_stated", "an LLM should state its context length, such as 32k"),
        model(context_length=None, model_type={"Other": "LLM"}),
    ),
    (
        model(tags=["chat", "Llama 3.1"]),
        ("tags[1]", "error", "slug", "Llama 3.1 is not a slug: write llama-3-1"),
        model(tags=["chat", "llama-3-1"]),
    ),
    (
        model(tags=["日本"]),
        ("tags[0]", "error", "slug", "日本 is not a slug: write lower-case letters, digits and hyphens"),
        model(tags=["nihon"]),
    ),
    (
        model(tags=["chat", "code", "chat"]),
        ("tags[2]", "error", "duplicate", "chat is there already: remove it here"),
        model(tags=["chat", "code"]),
    ),
    (
        model(tags=[f"t{index}" for index in range(65)]),
        ("tags", "error", "too_many", "has 65 items, at most 64 are allowed"),
        model(tags=[f"t{index}" for index in range(64)]),
    ),
    (
        model(capabilities=["ocr", ""]),
        ("capabilities[1]", "error", "required", "must not be empty"),
        model(capabilities=["OCR", "OCR"]),
    ),
    (
        agent(tools=["x" * 129]),
        ("tools[0]", "error", "too_long", "has 129 characters, at most 128 are allowed"),
        agent(tools=["x" * 128]),
    ),
    (
        agent(compatible_model_types=["LLM"] * 17),
        ("compatible_model_types", "error", "too_many", "has 17 items, at most 16 are allowed"),
        agent(compatible_model_types=[]),
    ),
    (
        agent(preferred_models=[MODEL_ID, MODEL_ID.upper()]),
        (
            "preferred_models[1]",
            "error",
            "model_id",
            "0123456789ABCDEF0123456789ABCDEF0123456… is not a model id: write its 64 lower-case hex digits",
        ),
        agent(preferred_models=[MODEL_ID]),
    ),
]


@pytest.mark.parametrize(
    ("broken", "problem", "kept"), RULES, ids=[f"{problem[0]}-{problem[2]}" for _, problem, _ in RULES]
)
def test_a_rule(broken: Record, problem: tuple[str, str, str, str], kept: Record) -> None:
    kind: Kind = "model" if "model_id" in broken else "agent"
    assert found(kind, broken) == [problem]
    assert found(kind, kept) == []


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


@pytest.mark.parametrize("template", ["", " \n", "NAME nordlicht\nRUN true\n"])
def test_a_template_that_parses_or_is_blank_is_no_problem(template: str) -> None:
    assert [p for p in check("model", model(formfile_template=template)) if p.severity == "error"] == []


def test_a_template_that_does_not_parse_is_an_error_with_its_line() -> None:
    (problem,) = check("model", model(formfile_template="NAME nordlicht\n\nRUNN true\n"))
    assert (problem.path, problem.severity) == ("formfile_template", "error")
    assert problem.sentence.startswith("line 3: ")


@pytest.mark.parametrize(
    "secret", ["USER username:a passwd:$6$saltsalt$" + "x" * 86, "RUN echo -----BEGIN OPENSSH PRIVATE KEY-----"]
)
def test_a_template_with_a_secret_is_an_error_with_its_line(secret: str) -> None:
    problems = check("model", model(formfile_template=f"NAME nordlicht\n{secret}\n"))
    assert [(p.path, p.severity, p.code) for p in problems] == [("formfile_template", "error", "secret")]
    assert problems[0].sentence.startswith("line 2: ")


# ---- the operation's size ------------------------------------------------------------------------------------------


def test_a_record_must_leave_room_for_the_operation_around_it() -> None:
    record = model(description="\x01" * 10_000, formfile_template="NAME x\n#")
    room = MAX_RECORD_BYTES - len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
    record["formfile_template"] = "NAME x\n#" + "x" * room
    assert check("model", record) == []
    record["formfile_template"] = "NAME x\n#" + "x" * (room + 1)
    problem = check("model", record)[-1]
    assert (problem.path, problem.severity, problem.code) == ("description", "error", "too_big")
    assert problem.sentence == "the record takes 63,937 bytes, one operation has room for 63,936: shorten this"


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
            "creativeml-openrail-m is not an SPDX licence: write LicenseRef-creativeml-openrail-m",
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
    assert tuple(fault) == (severity, code, sentence)


@given(st.text(st.sampled_from("MITorand()+-. WHlicenserf0123_/\u202e"), max_size=40) | st.text(max_size=128))
def test_any_text_gives_a_sentence_or_nothing_and_never_raises(expression: str) -> None:
    fault = licence_fault(expression)
    assert fault is None or (len(fault.sentence) < 400 and safe_text(fault.sentence) == fault.sentence)


def test_importing_the_rules_imports_no_library() -> None:
    heavy = "{'pydantic', 'packaging', 'semver', 'rapidfuzz', 'yaml', 'tui_registry.formfile', 'difflib'}"
    code = (
        f"import sys, tui_registry.records.authoring, tui_registry.records.reading; print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
