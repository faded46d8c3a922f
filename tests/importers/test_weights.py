"""Requirements are estimated by a formula that the origin shows, and obey the authoring rules."""

from __future__ import annotations

import math

from hypothesis import given, strategies as st

from tests.importers.made import at
from tui_registry.importers.draft_writer import Draft
from tui_registry.importers.weights import put_requirements
from tui_registry.records.authoring import check

GB = 1024**3
NEEDS = "resource_requirements."


def draft(**values: object) -> Draft:
    made = Draft("model", "x")
    made.put("name", "x", "here")
    made.put("license", "MIT", "here")
    for path, value in values.items():
        assert isinstance(value, int | str)
        made.put(path, value, "here")
    return made


def test_four_gigabytes_of_weights_need_five_of_memory_and_disk() -> None:
    made = draft(quantization="GGUF")
    put_requirements(made, 4 * GB, "the file")
    found = made.finding()
    assert at(found, NEEDS + "min_memory_mb") == 5 * 1024
    assert at(found, NEEDS + "recommended_memory_mb") == 8 * 1024
    assert (at(found, NEEDS + "min_disk_gb"), at(found, NEEDS + "recommended_disk_gb")) == (5, 10)
    assert at(found, NEEDS + "requires_gpu") is False
    assert found.origins[NEEDS + "min_memory_mb"] == "estimated: the file, 4 GiB, x 1.2, up to whole GB (5 GB)"


def test_large_weights_of_16_bits_need_a_gpu_that_holds_them() -> None:
    made = draft(quantization="BF16")
    put_requirements(made, 15 * GB, "4 files")
    found = made.finding()
    assert at(found, NEEDS + "requires_gpu") is True
    assert at(found, NEEDS + "min_vram_gb") == 18
    assert "x 1.2" in found.origins[NEEDS + "min_vram_gb"]


def test_without_a_file_parameters_and_quantisation_decide() -> None:
    made = draft(quantization="FP16", parameters=7_000_000_000)
    put_requirements(made, None, "")
    found = made.finding()
    assert at(found, NEEDS + "min_disk_gb") == math.ceil(14_000_000_000 / GB) + 1
    assert "7 B parameters x 16 bits" in found.origins[NEEDS + "min_disk_gb"]


def test_what_cannot_be_estimated_is_noted() -> None:
    made = draft(parameters=7_000_000_000)
    put_requirements(made, None, "")
    assert any("usual defaults" in note for note in made.finding().notes)
    assert NEEDS + "min_memory_mb" not in made.origins


@given(
    st.integers(0, 2**62), st.sampled_from([None, "FP32", "FP16", "INT4", "GPTQ", "AWQ", "GGUF"]), st.integers(0, 2**63)
)
def test_every_estimate_obeys_the_authoring_rules(weights: int, quantization: str | None, parameters: int) -> None:
    made = draft(
        parameters=parameters, context_length=1, **({} if quantization is None else {"quantization": quantization})
    )
    put_requirements(made, weights, "the file")
    record = made.finding().record
    assert record is not None
    assert [problem for problem in check("model", record) if problem.severity == "error"] == []
