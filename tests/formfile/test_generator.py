"""Writing a Formfile from a record, and checking the two against each other."""

from __future__ import annotations

import pytest

from tui_registry.errors import Record
from tui_registry.formfile import check_agreement, generate, parse

ONE, TWO = "ab" * 32, "cd" * 32


def needs(**changed: int | bool | None) -> Record:
    base: Record = {
        "min_vcpus": 2,
        "recommended_vcpus": 4,
        "min_memory_mb": 8192,
        "recommended_memory_mb": 16384,
        "min_disk_gb": 20,
        "recommended_disk_gb": 40,
        "requires_gpu": False,
        "min_vram_gb": None,
    }
    return {**base, **changed}


def model(**changed: int | bool | None) -> Record:
    return {
        "model_id": ONE,
        "name": "Qwen2.5 7B",
        "description": "A chat model",
        "resource_requirements": needs(**changed),
    }


def agent(*preferred: str) -> Record:
    return {"name": "crew", "description": "", "preferred_models": list(preferred), "resource_requirements": needs()}


def test_a_model_becomes_a_formfile_with_its_recommended_resources():
    assert generate("model", model(requires_gpu=True, min_vram_gb=24)) == (
        "NAME Qwen2-5-7B\nDESCRIPTION A chat model\n\nVCPU 4\nMEMORY 16384\nDISK 40\n"
        "# 24 GB of VRAM; one RTX5090 has 32 GB\nGPU RTX5090\n\n"
        'WORKDIR /app\nCOPY . /app\n# ENTRYPOINT ["python3", "main.py"]\n'
    )


def test_an_agent_names_its_preferred_models_once_and_only_real_ids():
    lines = generate("agent", agent(ONE, TWO, ONE, "llama")).split("\n")
    assert [line for line in lines if line.startswith("MODEL")] == [f"MODEL preferred:{ONE}", f"MODEL preferred:{TWO}"]


def test_what_the_language_cannot_say_is_clamped_with_a_comment():
    text = generate("model", model(recommended_vcpus=200, recommended_memory_mb=256, recommended_disk_gb=10**6))
    assert "# The record recommends 200; VCPU takes 1 to 128\nVCPU 128\n" in text
    assert "# The record recommends 256; MEMORY takes 512 to 256000 MB\nMEMORY 512\n" in text
    assert "DISK 65535\n" in text


@pytest.mark.parametrize(
    ("vram", "gpu"),
    [
        (None, "RTX5090"),
        (32, "RTX5090"),
        (33, "H100"),
        (141, "H200"),
        (180, "B200"),
        (400, "B200:3"),
        (9999, "B200:8"),
    ],
)
def test_the_smallest_gpu_with_enough_memory_is_taken(vram, gpu):
    assert f"GPU {gpu}\n" in generate("model", model(requires_gpu=True, min_vram_gb=vram))


def test_an_empty_record_still_gives_a_good_formfile():
    assert parse(generate("agent", {}), "strict").problems == ()


@pytest.mark.parametrize("kind", ["model", "agent"])
def test_what_is_generated_agrees_with_its_record(kind):
    record = agent(ONE, TWO) if kind == "agent" else model(requires_gpu=True, min_vram_gb=300)
    assert check_agreement(parse(generate(kind, record)), kind, record) == []


@pytest.mark.parametrize(
    ("line", "at", "sentence"),
    [
        ("VCPU 1", 2, "VCPU 1 is less than the record's minimum of 2"),
        ("MEMORY 4096", 2, "MEMORY 4096 is less than the record's minimum of 8192 MB"),
        ("DISK 10", 2, "DISK 10 is less than the record's minimum of 20 GB"),
        ("VCPU 2", 1, "MEMORY is missing: the record needs at least 8192 MB"),
        ("GPU H100", 2, "GPU H100: the record does not require a GPU"),
        (f"MODEL required:{TWO}", 2, "MODEL belongs in the templates of agents: this record is a model"),
    ],
)
def test_a_disagreement_is_a_warning_at_its_line(line, at, sentence):
    found = check_agreement(parse(f"NAME x\n{line}"), "model", model())
    assert (at, "warning", sentence) in [(p.line, p.severity, p.sentence) for p in found]


def test_what_stands_there_and_cannot_be_read_is_not_missing_as_well():
    read = parse("NAME x\nVCPU 4\nMEMORY 16GB\nDISK 40\nGPU A1\n")
    assert read.errors
    assert check_agreement(read, "model", model(requires_gpu=True)) == []


def test_a_required_gpu_has_to_be_there_and_large_enough():
    record = model(requires_gpu=True, min_vram_gb=100)
    rest = "NAME x\nVCPU 4\nMEMORY 16384\nDISK 40\n"
    (missing,) = check_agreement(parse(rest), "model", record)
    assert missing.sentence == "GPU is missing: the record requires one"
    (small,) = check_agreement(parse(f"{rest}GPU H100"), "model", record)
    assert small.sentence == "GPU memory is 80 GB, the record needs at least 100 GB of VRAM"
    assert check_agreement(parse(f"{rest}GPU H100:2"), "model", record) == []


def test_models_are_compared_with_the_preferred_ones():
    rest = "NAME x\nVCPU 4\nMEMORY 16384\nDISK 40\n"
    both = check_agreement(parse(f"{rest}MODEL preferred:{TWO}"), "agent", agent(ONE))
    assert [p.sentence for p in both] == [
        "MODEL is not among the preferred models of the record: add it there or leave it out",
        f"preferred model {ONE[:12]} of the record: no MODEL line names it",
    ]
    assert check_agreement(parse(f"{rest}MODEL required:{ONE}"), "agent", agent(ONE)) == []


def test_placeholders_agree_with_everything():
    text = "NAME x\nVCPU {{ a }}\nMEMORY {{ b }}\nDISK {{ c }}\nGPU H100:{{ d }}\n"
    assert check_agreement(parse(text), "model", model(requires_gpu=True, min_vram_gb=999)) == []
    text = "NAME x\nVCPU 4\nMEMORY 16384\nDISK 40\nMODEL preferred:{{ id }}"
    assert check_agreement(parse(text), "agent", agent(ONE)) == []
