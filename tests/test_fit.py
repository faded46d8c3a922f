"""What a record needs and where it runs, against sizes of real files and what loaders printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings, strategies as st

from tui_registry import fit
from tui_registry.errors import Json, Record
from tui_registry.importers.gguf import architecture_in as of_header
from tui_registry.importers.huggingface import architecture_in as of_config
from tui_registry.present import fit_words as words
from tui_registry.records.schema import defaults

_FACTS: Final = Path(__file__).parent / "fit_facts.json"
_SHARED: Final = Path(__file__).parents[2].parent / "shared" / "cases" / "fit.json"


def _facts(name: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of the frozen facts, and those of the shared file where it is there, each with a label."""
    found = []
    for path in (_FACTS, _SHARED):
        if path.exists():
            rows = json.loads(path.read_text())[name]
            found += [(f"{path.stem}-{number}-{row['name']}", row) for number, row in enumerate(rows)]
    return found


_WEIGHTS: Final = [(label, row) for label, row in _facts("weights") if "parameters" in row]
_CACHES: Final = _facts("kv_cache")


def _size(row: dict[str, Any]) -> float:
    if "bytes" in row:
        return float(row["bytes"])
    return float(row["gib"]) * fit.GIB if "gib" in row else float(row["gb"]) * fit.GB


@pytest.mark.parametrize(("label", "row"), _WEIGHTS, ids=[label for label, _ in _WEIGHTS])
def test_weights_are_within_five_per_cent_where_bits_are_what_the_name_says(label: str, row: dict[str, Any]) -> None:
    # Of 4.9 %: an index that counts a tied embedding twice.
    if abs(row.get("outlier_vs_nominal_percent", 0)) > 4.5:
        pytest.skip("its bits are not what its name says")
    bits = fit.bits_of(row["quantization"], row["parameters"])
    assert bits is not None, row["quantization"]
    estimated = row["parameters"] * bits.bits / 8
    assert estimated == pytest.approx(_size(row), rel=0.05)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        # Bits of files: turboderp and others (EXL2), Qwen (GPTQ-Int8), ikawrakow and unsloth (GGUF), MLX, torchao
        ("EXL2-4.0bpw", 4.08), ("Llama-3-70B-exl2-4.65bpw", 4.73), ("EXL3 3.0 bpw", 3.09), ("GPTQ-Int8", 8.29),
        ("Qwen2.5-7B-Instruct-GPTQ-Int4", 4.32), ("W4A16", 4.5), ("w8a8", 8.5), ("int8wo", 8.5), ("INT3", 3.5),
        ("6bit", 6.5), ("MLX 3-bit", 3.5), ("q4f16_1", 4.5), ("F8_E4M3", 8.1), ("IQ4_KS_R4", 4.45), ("IQ5_K", 5.7),
        ("UD-Q4_K_XL", 4.9), ("Q4_K", 4.87), ("Q3_K", 4.0), ("MXFP4-MOE", 4.45), ("1.58-bit", 3.3), ("i2_s", 3.3),
        # What a file was made of, or how wide its embeddings are, is no word of the rest
        ("m.bf16.Q4_K_M", 4.87), ("m-F16-Q6_K", 6.57), ("Q8_0-f16", 8.5),
    ],
)  # fmt: skip
def test_names_that_say_bits_are_understood(name: str, bits: float) -> None:
    found = fit.bits_of(name)
    assert found is not None
    assert found.bits == pytest.approx(bits, abs=0.01)


@pytest.mark.parametrize("name", ["EXL2", "HQQ", "GPTQ", "BitNet"])
def test_a_name_of_how_weights_are_stored_says_no_bits(name: str) -> None:
    found = fit.bits_of(name)
    assert found is not None
    assert not found.is_said


@pytest.mark.parametrize("name", ["Llama-3.2-1B", "model-00001-of-00002", "compressed-tensors", "99bpw", "b1"])
def test_other_names_say_none(name: str) -> None:
    assert fit.bits_of(name) is None


def _configuration(row: dict[str, Any]) -> dict[str, Any]:
    """A configuration of transformers with the shape of a row."""
    layers = row["layers"]
    config = {
        "num_hidden_layers": layers,
        "num_attention_heads": row["kv_heads"],
        "num_key_value_heads": row["kv_heads"],
        "head_dim": row["head_dim"],
    }
    if "kv_lora_rank" in row:
        rope = row["qk_rope_head_dim"]
        config |= {"kv_lora_rank": row["kv_lora_rank"], "qk_rope_head_dim": rope}
        config |= {"qk_nope_head_dim": row["head_dim"] - rope}
    if "swa_layers" in row:
        kinds = ["sliding_attention"] * row["swa_layers"] + ["full_attention"] * row["full_layers"]
        config |= {"layer_types": kinds, "sliding_window": row["swa_cells"]}
    elif "full_layers" in row:
        config |= {"full_attention_interval": layers // row["full_layers"]}
    if "kv_layers" in row:
        attention = {"n_heads_in_group": 1}
        none = {"n_heads_in_group": None, "no_op": True}
        blocks = [{"attention": attention if place < row["kv_layers"] else none} for place in range(layers)]
        config |= {"block_configs": blocks}
    return config


def _header(row: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a GGUF file with the shape of a row, as such files were made before heads were laid together."""
    return {
        "general.architecture": "deepseek2",
        "deepseek2.block_count": row["layers"],
        "deepseek2.attention.head_count": row["kv_heads"],
        "deepseek2.attention.head_count_kv": row["kv_heads"],
        "deepseek2.attention.key_length": row["head_dim"],
        "deepseek2.attention.value_length": row["v_head_dim"],
        "deepseek2.attention.kv_lora_rank": 512,
        "deepseek2.rope.dimension_count": 64,
    }


# What loaders keep beside the cache: a second copy of what was compressed, and the fixed state of layers whose sizes
# the row does not state.
_BESIDE: Final = {
    "Kimi-K2 (MLA, latent + transposed copy)": 61 * 512 * 2 * 512,
    "Qwen3.8-27B (hybrid linear attention)": round(0.15 * fit.GIB),
}


@pytest.mark.parametrize(("label", "row"), _CACHES, ids=[label for label, _ in _CACHES])
def test_the_cache_is_what_loaders_printed(label: str, row: dict[str, Any]) -> None:
    is_expanded = "expanded" in row["name"]
    architecture = of_header(_header(row)) if is_expanded else of_config(_configuration(row))
    tokens = row["context"]
    cache = fit.cache_of(architecture, tokens, row["kv_type"])
    # Printed with one or two decimals of MiB or GiB
    printed = row["kv_bytes"]
    assert cache.size + _BESIDE.get(row["name"], 0) == pytest.approx(printed, rel=0.02, abs=1)
    if row["name"] not in _BESIDE:
        assert cache.size == pytest.approx(row["explained_bytes"], rel=1e-9)
    if row["plain_formula_matches"]:
        assert cache.source == "formula"
    else:
        width = fit.width_of(row["kv_type"])
        assert cache.source == "stated" or width != 2


# ---- what a record needs


_ARCHITECTURE: Final[Record] = {
    "layers": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "experts": None,
    "active_parameters": None,
    "kv_token_bytes": None,
    "kv_constant_bytes": None,
}


def _model(*, needs: Record | None = None, **more: Json) -> Record:
    usual = defaults("model")
    kept = usual["resource_requirements"]
    assert isinstance(kept, dict)
    given: Record = {
        "parameters": 8 * 10**9,
        "quantization": "FP16",
        "resource_requirements": {**kept, **(needs or {})},
    }
    return {**usual, **given, **more}


def _file(uri: str, size: int | None, quantization: Json = None) -> Record:
    return {"uri": uri, "media_type": "", "sha256": None, "size_bytes": size, "quantization": quantization}


def _manifest(*files: Record, architecture: Json = _ARCHITECTURE) -> Record:
    return {**defaults("manifest"), "artifacts": list(files), "architecture": architecture}


def test_a_need_is_weights_and_cache_and_overhead_with_all_that_they_are_made_of() -> None:
    (need,) = fit.needs(_model(), _manifest())
    assert (need.weights, need.weights_from) == (16 * 10**9, "parameters")
    assert (need.parameters, need.bits) == (8 * 10**9, fit.Bits("FP16", 16.0))
    assert need.cache == fit.Cache("formula", 2 * 32 * 8 * 128 * 2 * 8192, 8192, 131_072, 0, 32, 8, 128)
    assert need.overhead == 16 * 10**9 // 20
    assert need.total == need.weights + need.cache.size + need.overhead
    assert need.remarks == ("bound",)


def test_sizes_of_files_stand_before_parameters_and_each_form_has_its_own_need() -> None:
    manifest = _manifest(
        _file("hf://o/m/m.Q4_K_M.gguf", 5 * 10**9, "GGUF"),
        _file("hf://o/m/m.Q8_0-00001-of-00002.gguf", 4 * 10**9, "GGUF"),
        _file("hf://o/m/m.Q8_0-00002-of-00002.gguf", 5 * 10**9, "GGUF"),
        _file("hf://o/m/m.F16-00001-of-00002.gguf", 8 * 10**9, "GGUF"),
        _file("model-00001-of-00002.safetensors", 9 * 10**9, "BF16"),
        _file("model-00002-of-00002.safetensors", 7 * 10**9, "BF16"),
        _file("consolidated.safetensors", 16 * 10**9 + 1, "BF16"),
        _file("training_args.bin", 5000),
        _file("README.md", 5000),
        _file("mmproj-m.gguf", 10**9),
    )
    found = fit.needs(_model(), manifest)
    assert [(need.quantization, need.weights, need.files) for need in found] == [
        ("BF16", 16 * 10**9 + 1, 1),
        ("BF16", 16 * 10**9, 2),
        ("Q8_0", 9 * 10**9, 2),
        ("Q4_K_M", 5 * 10**9, 1),
    ]
    least = fit.least(found)
    assert least is not None
    assert least.quantization == "Q4_K_M"


def test_the_same_file_in_another_place_counts_once_and_is_no_other_part() -> None:
    def at(place: str, name: str, digest: str) -> Record:
        return {**_file(f"{place}/{name}", 5 * 10**9), "sha256": digest * 64}

    mirrored = _manifest(*(at(place, "model.safetensors", "a") for place in ("hf://o/m", "https://mirror")))
    assert [build.size for build in fit.builds(mirrored)] == [5 * 10**9]
    twice = _manifest(*(at("hf://o/m", "m-00001-of-00002.gguf", digest) for digest in "ab"))
    assert [build.size for build in fit.builds(twice)] == [None]


def test_without_an_architecture_the_records_own_least_stands_in() -> None:
    (need,) = fit.needs(_model(needs={"requires_gpu": True, "min_vram_gb": 24}), None)
    # A card that is sold as one of 24 GB is enough, less what is left to the system there
    assert (need.stated, need.stated_in, need.total) == (23_500_000_000, "min_vram_gb", 23_500_000_000)
    assert need.remarks == ("stated",)
    assert fit.judge(need, _machine(24)).word == "runs"
    assert fit.judge(need, _machine(23.9)).word == "no"
    (need,) = fit.needs(_model(parameters=0, needs={"min_memory_mb": 16_384}), None)
    assert (need.stated_in, need.total, need.weights) == ("min_memory_mb", 14 * fit.GB, 0)
    assert fit.judge(need, _machine(ram=16)).word == "runs"
    (need,) = fit.needs(_model(parameters=0, needs={"min_memory_mb": 2048}), None)
    assert need.total == fit.GB
    # Nothing but the default that everybody has: the weights alone, and said so
    (need,) = fit.needs(_model(), None)
    assert (need.total, need.remarks) == (16_800_000_000, ("no_cache",))
    (need,) = fit.needs(_model(parameters=0), None)
    assert (need.is_known, need.remarks) == (False, ("nothing",))


def test_what_stands_in_for_what_is_said_as_it_is() -> None:
    gpu: Record = {"requires_gpu": True, "min_vram_gb": 7}
    # An architecture is stated, and nothing of the weights
    (need,) = fit.needs(_model(parameters=0, needs=gpu), _manifest())
    assert (need.remarks, need.total) == (("stated_weights",), 6_500_000_000)
    (need,) = fit.needs(_model(parameters=0, needs=gpu), None)
    assert need.remarks == ("stated_all",)
    # A least that is no more than the weights leaves nothing for a cache
    (need,) = fit.needs(_model(needs=gpu), None)
    assert (need.remarks, need.stated, need.total) == (("no_cache",), 0, 16_800_000_000)
    said = words.sentence(fit.judge(need, _machine(24)))
    assert said == "runs on one GPU, as far as is stated: needs at least 16.8 GB, 23.5 GB are there"


def test_windows_that_are_longer_than_the_context_are_told() -> None:
    manifest = _manifest(architecture={**_ARCHITECTURE, "kv_token_bytes": 4096, "kv_constant_bytes": 2**30})
    for tokens, remarks in ((1024, ("short",)), (16_384, ())):
        (need,) = fit.needs(_model(), manifest, tokens)
        assert need.remarks == remarks


def test_what_keeps_no_cache_needs_none_and_a_short_context_is_not_made_longer() -> None:
    (need,) = fit.needs(_model(model_type="Embedding"), None)
    assert (need.cache.source, need.cache.size, need.remarks) == ("none", 0, ())
    (need,) = fit.needs(_model(context_length=4096), _manifest())
    assert (need.cache.tokens, need.is_capped) == (4096, True)


@pytest.mark.parametrize(
    ("quantization", "tags", "wanted"),
    [
        ("GGUF", ["chat", "q5-k-m"], fit.Bits("Q5_K_M", 5.70)),
        ("GGUF", [], fit.Bits("Q4_K_M", 4.87, False)),
        ("GPTQ", [], fit.Bits("GPTQ", 4.32, False)),
        ("GPTQ", ["fp16", "8bit"], fit.Bits("INT8", 8.5)),
        ("AWQ", ["bf16"], fit.Bits("AWQ", 4.32, False)),
        ("GGUF", ["mxfp4"], fit.Bits("MXFP4", 4.45)),
        ({"Other": "EXL2"}, ["6.0bpw"], fit.Bits("6 bits", 6 + 0.08 * 10 / 12)),
        ({"Other": "MXFP4"}, [], fit.Bits("MXFP4", 4.45)),
        (None, [], fit.Bits("FP16", 16.0, False)),
        ({"Other": "my own"}, [], None),
    ],
)
def test_bits_come_of_what_the_record_says(quantization: Json, tags: list[Json], wanted: fit.Bits | None) -> None:
    (need,) = fit.needs(_model(quantization=quantization, tags=tags), _manifest())
    assert need.bits == wanted
    assert need.is_known == (wanted is not None)


# ---- verdicts


def _machine(*cards: float, ram: float | None = None, unified: bool = False) -> fit.Machine:
    gpus = tuple(fit.Gpu("card", round(size * fit.GB)) for size in cards)
    return fit.Machine(gpus=gpus, ram=None if ram is None else round(ram * fit.GB), unified=unified)


@pytest.mark.parametrize(
    ("machine", "word", "where", "cards"),
    [
        (_machine(24), "runs", "gpu", 1),
        (_machine(8, 24), "runs", "gpu", 1),
        (_machine(12, 12), "runs", "gpus", 2),
        (_machine(8, 8, 8, 8), "runs", "gpus", 3),
        (_machine(12, 8), "no", "gpu", 1),
        (_machine(ram=32), "runs", "cpu", 0),
        (_machine(12, ram=16), "offload", "offload", 1),
        (_machine(8, ram=8), "no", "offload", 1),
        (_machine(ram=32, unified=True), "runs", "unified", 1),
        (_machine(ram=18, unified=True), "no", "cpu", 0),
    ],
)
def test_a_verdict_says_where(machine: fit.Machine, word: str, where: str, cards: int) -> None:
    # 18 GB: 16 of weights, 0.8 of overhead, 1.07 of cache
    verdict = fit.judge_model(_model(), _manifest(), machine).best
    assert verdict.room is not None
    assert (verdict.word, verdict.room.where, verdict.room.cards) == (word, where, cards)
    assert verdict.short == (verdict.need.total - verdict.room.size if word == "no" else 0)


def test_what_was_not_stated_makes_no_verdict() -> None:
    verdict = fit.judge_model(_model(parameters=0), None, _machine(24)).best
    assert (verdict.word, verdict.missing) == ("unknown", ("files", "parameters", "architecture"))
    assert fit.judge_model(_model(), _manifest(), fit.Machine()).best.missing == ("machine",)


def test_what_needs_a_gpu_runs_on_none_else() -> None:
    record = _model(needs={"requires_gpu": True})
    verdict = fit.judge_model(record, _manifest(), _machine(ram=64)).best
    assert (verdict.word, verdict.no_gpu, verdict.short) == ("no", True, 0)
    assert fit.judge_model(record, _manifest(), _machine(4, ram=64)).best.word == "offload"


def test_the_largest_form_that_runs_is_the_answer() -> None:
    manifest = _manifest(_file("m.Q4_K_M.gguf", 5 * 10**9), _file("m.Q8_0.gguf", 9 * 10**9))
    answer = fit.judge_model(_model(), manifest, _machine(12))
    assert answer.best.need.quantization == "Q8_0"
    assert [verdict.word for verdict in answer.each] == ["runs", "runs"]
    assert fit.judge_model(_model(), manifest, _machine(8)).best.need.quantization == "Q4_K_M"
    assert fit.judge_model(_model(), manifest, _machine(4)).best.need.quantization == "Q4_K_M"


def test_a_list_is_filtered_by_the_same_bounds_as_a_verdict() -> None:
    for machine in (_machine(24), _machine(12, 12, ram=8), _machine(6, ram=20), _machine(ram=64, unified=True)):
        known = fit.limits(machine)
        for size in range(1, 70):
            for needs_gpu in (False, True):
                record = _model(parameters=size * 10**9 // 2, needs={"requires_gpu": needs_gpu})
                verdict = fit.judge_model(record, _manifest(), machine).best
                runs = verdict.need.total <= known.gpu or (not needs_gpu and verdict.need.total <= known.cpu)
                assert (verdict.word == "runs") == runs
                if not runs:
                    assert (verdict.word == "offload") == (verdict.need.total <= known.offload)


def test_an_agent_fits_when_one_of_its_models_does_and_says_what_blocks() -> None:
    small, large = _model(parameters=10**9), _model(parameters=70 * 10**9)
    models = [
        fit.Model("preferred", "a", "small", small, _manifest()),
        fit.Model("required", "b", "large", large, _manifest()),
        fit.Model("required", "c"),
    ]
    answer = fit.judge_agent(models, _machine(24))
    assert answer.word == "runs"
    assert answer.best == 2
    assert [(model.id, verdict and verdict.best.word) for model, verdict in answer.models] == [
        ("b", "no"),
        ("c", None),
        ("a", "runs"),
    ]
    assert answer.blocks == (0, 1)
    assert fit.judge_agent([], _machine(24)) == fit.AgentAnswer("unknown", None, (), ())


@pytest.mark.parametrize(
    ("text", "size"), [("24gb", 24 * 10**9), ("24 GiB", 24 * 2**30), ("1.5g", 15 * 10**8), ("512MB", 512 * 10**6)]
)
def test_sizes_are_read_with_their_units(text: str, size: int) -> None:
    assert fit.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, "a size is a number and its unit") for text in ("", "24", "gb", "-1gb", "1e3gb", "24gbps")),
        ("0gb", "write more than 0"),
        ("999999999tib", "no machine has so much"),
    ],
)
def test_what_is_no_size_is_said_to_be_none(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fit.parse_size(text)


# ---- what is kept of it for lists

_SIZES = st.sampled_from((None, 10**6, 5 * 10**9, 16 * 10**9))
_ARCHITECTURES = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "layers": st.sampled_from((0, 32)), "kv_heads": st.just(8), "head_dim": st.just(128), "experts": st.none(),
            "active_parameters": st.none(), "kv_token_bytes": st.sampled_from((None, 0, 70_272)),
            "kv_constant_bytes": st.sampled_from((None, 10**8)),
        }
    ),
)  # fmt: skip
_NAMES = ("m.gguf", "m.Q4_K_M.gguf", "a-00001-of-00002.safetensors", "a-00002-of-00002.safetensors", "README.md")
_FILES = st.lists(st.builds(_file, st.sampled_from(_NAMES), _SIZES), max_size=4)
_MODELS = st.builds(
    _model,
    parameters=st.sampled_from((0, 10**9, 2**64 - 1)),
    quantization=st.sampled_from((None, "GGUF", "FP16", {"Other": "my own"}, {"Other": "Q8_0"})),
    model_type=st.sampled_from(("LLM", "Embedding", {"Other": "x"})),
    context_length=st.sampled_from((None, 512, 131_072)),
    tags=st.sampled_from(([], ["q4-k-m"])),
    needs=st.sampled_from(({}, {"requires_gpu": True, "min_vram_gb": 16}, {"min_memory_mb": 8192})),
)


@settings(deadline=None, print_blob=True, max_examples=100)
@given(
    _MODELS,
    st.one_of(st.none(), st.builds(lambda files, it: _manifest(*files, architecture=it), _FILES, _ARCHITECTURES)),
)
def test_the_least_need_comes_of_two_parts(record: Record, manifest: Record | None) -> None:
    behind = fit.Behind() if manifest is None else fit.behind_of(manifest)
    found = fit.least(fit.needs(record, manifest))
    assert fit.least_need(fit.asked_of(record), behind) == (None if found is None else found.total)


@pytest.mark.parametrize(
    ("files", "sizes"),
    [
        # A pipeline needs all of its models, in one variant or the other
        (
            {
                "unet/diffusion_pytorch_model.safetensors": 10, "vae/diffusion_pytorch_model.safetensors": 2,
                "unet/diffusion_pytorch_model.fp16.safetensors": 5, "vae/diffusion_pytorch_model.fp16.safetensors": 1,
            },
            [6, 12],
        ),
        ({"model.onnx": 1, "model.onnx_data": 30, "model_q4.onnx": 9, "model_fp16.onnx": 15}, [9, 15, 31]),
        ({"model.safetensors": 16, "pytorch_model.bin": 16, "tf_model.h5": 17}, [16, 16, 17]),
        # Not the weights of a model
        ({"adapter_model.safetensors": 1, "mmproj-F16.gguf": 2, "tokenizer.model": 1, "optimizer.pt": 9}, []),
        # A part is missing
        ({"a-00001-of-00003.safetensors": 5, "a-00003-of-00003.safetensors": 5}, [None]),
    ],
)  # fmt: skip
def test_files_are_taken_together_as_they_are_loaded(files: dict[str, int], sizes: list[int | None]) -> None:
    found = [build.size for build in fit.builds(_manifest(*(_file(name, size) for name, size in files.items())))]
    assert sorted(found, key=str) == sorted(sizes, key=str)
