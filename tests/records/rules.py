"""Every authoring rule: a record that breaks it, the problem it gives, and a record that keeps it."""

from __future__ import annotations

import json
from typing import NamedTuple

from tui_registry.errors import Json, Kind, Record
from tui_registry.records.authoring import MAX_RECORD_BYTES
from tui_registry.records.schema import defaults

MODEL_ID = "0123456789abcdef" * 4
# A template that gives what the records below need.
ENOUGH = "NAME nordlicht\nVCPU 1\nMEMORY 1024\nDISK 10\n"


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


class Rule(NamedTuple):
    """One rule: `broken` gives exactly `problem` (path, severity, code, sentence), `kept` gives none."""

    broken: Record
    problem: tuple[str, str, str, str]
    kept: Record

    @property
    def kind(self) -> Kind:
        return "model" if "model_id" in self.broken else "agent"

    @property
    def name(self) -> str:
        """For the id of a test."""
        return f"{self.problem[0]}-{self.problem[2]}"


def sized(beyond: int) -> Record:
    """A model that takes so many bytes more than one operation has room for."""
    record = model(description="\x01" * 10_000, formfile_template=f"{ENOUGH}#")
    room = MAX_RECORD_BYTES - len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
    record["formfile_template"] = f"{ENOUGH}#" + "x" * (room + beyond)
    return record


NEEDS = "resource_requirements"

_RULES: list[tuple[Record, tuple[str, str, str, str], Record]] = [
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
    (
        model(license="gpl-3.0"),
        (
            "license",
            "warning",
            "license_deprecated",
            "GPL-3.0 is no longer an SPDX id of its own: write GPL-3.0-only or GPL-3.0-or-later",
        ),
        model(license="GPL-3.0-only"),
    ),
    (
        model(license="apache 2"),
        ("license", "error", "license_unknown", "apache 2 is not an SPDX licence: write Apache-2.0"),
        model(license="Apache-2.0 OR MIT"),
    ),
    (
        model(license="LicenseRef-unstated"),
        (
            "license",
            "warning",
            "license_unstated",
            "nothing states a licence: name it where you know it, because nobody may use what gives no permission",
        ),
        model(license="MIT"),
    ),
    (
        model(license="LicenseRef-my_own"),
        (
            "license",
            "error",
            "license_ref",
            "LicenseRef-my_own may hold letters, digits, dots and hyphens only: write LicenseRef-my-own",
        ),
        model(license="LicenseRef-my-own"),
    ),
    (
        model(license="MIT OR"),
        (
            "license",
            "error",
            "license_syntax",
            "MIT OR does not read as an SPDX expression: write one such as MIT OR Apache-2.0",
        ),
        model(license="MIT AND Apache-2.0"),
    ),
    (
        sized(1),
        (
            "description",
            "error",
            "too_big",
            "the record takes 63,937 bytes, one operation has room for 63,936: shorten this",
        ),
        sized(0),
    ),
    (
        model(formfile_template=f"{ENOUGH}RUNN true"),
        (
            "formfile_template",
            "error",
            "unknown_instruction",
            "line 5: unknown instruction 'RUNN': did you mean RUN?",
        ),
        model(formfile_template=f"{ENOUGH}RUN true"),
    ),
    (
        model(formfile_template="NAME x\nDISK 10\nMEMORY 512"),
        (
            "formfile_template",
            "warning",
            "disagrees",
            "line 3: MEMORY 512 is less than the record's minimum of 1024 MB",
        ),
        model(formfile_template="NAME x\nDISK 10\nMEMORY 1024"),
    ),
]
RULES = [Rule(*rule) for rule in _RULES]
