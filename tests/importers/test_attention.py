"""What the layers of known families keep, from their configurations and headers."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import BOOL, LIST, TEXT, U32, gguf
from tui_registry.importers.gguf import architecture_in as of_header, read_gguf_header
from tui_registry.importers.huggingface import architecture_in as of_config

MIB = 2**20


def config(layers: int, heads: int, size: int, **more: Any) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers, "num_attention_heads": 32, "num_key_value_heads": heads, "head_dim": size, **more
    }  # fmt: skip


_QWEN = {
    "full_attention_interval": 4, "linear_num_value_heads": 48, "linear_num_key_heads": 16,
    "linear_value_head_dim": 128, "linear_key_head_dim": 128, "linear_conv_kernel_dim": 4,
}  # fmt: skip
# 3 x (2 x 16 x 128 + 48 x 128) values of the convolution, 48 matrices of 128 x 128, 48 layers, 32 bits
_QWEN_STATE = 48 * 4 * (3 * 10240 + 48 * 128 * 128)
_NEMOTRON = {
    "hybrid_override_pattern": "M-M*ME", "mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128,
    "n_groups": 8, "conv_kernel": 4,
}  # fmt: skip
_MAMBA2 = 4 * (4096 * 128 + 3 * (4096 + 2 * 8 * 128))


@pytest.mark.parametrize(
    ("given", "token", "constant"),
    [
        (config(4, 8, 128, model_type="gemma2", sliding_window=4096), 2 * 4096, 2 * 4096 * 4096),
        (config(12, 8, 128, model_type="gemma3_text", sliding_window=512), 2 * 4096, 10 * 512 * 4096),
        (config(8, 8, 128, sliding_window=512, sliding_window_pattern=4), 2 * 4096, 6 * 512 * 4096),
        (config(8, 8, 128, sliding_window=512, sliding_window_pattern="LLLG"), 2 * 4096, 6 * 512 * 4096),
        (config(8, 8, 128, attention_chunk_size=8192), 2 * 4096, 6 * 8192 * 4096),
        (config(4, 8, 128, attention_chunk_size=10, no_rope_layers=[1, 1, 0, 1]), 4096, 3 * 10 * 4096),
        # Sliding layers 8 heads of 256, full ones 2 of 512; the last two look into an earlier cache
        (
            config(
                6, 8, 256, global_head_dim=512, num_global_key_value_heads=2, num_kv_shared_layers=2, sliding_window=64,
                layer_types=["sliding_attention", "sliding_attention", "full_attention"] * 2,
            ),
            4096,
            3 * 64 * 8192,
        ),
        (config(64, 4, 256, **_QWEN), 16 * 4096, _QWEN_STATE),
        (config(6, 8, 128, **_NEMOTRON), 4096, 3 * _MAMBA2),
        (
            config(
                32, 8, 128, attn_layer_period=8, attn_layer_offset=4, mamba_expand=2, hidden_size=4096,
                mamba_d_state=16, mamba_d_conv=4,
            ),
            4 * 4096,
            28 * 4 * (8192 * 16 + 3 * 8192),
        ),
        (
            config(3, 8, 64, layer_types=["conv", "full_attention", "conv"], conv_L_cache=3, hidden_size=1024),
            2048,
            2 * 4 * 2 * 1024,
        ),
        # Latent attention in the full layers, a delta rule in the others
        (
            config(
                4, 32, 0, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128,
                linear_attn_config={
                    "full_attn_layers": [4], "kda_layers": [1, 2, 3], "num_heads": 32, "head_dim": 128,
                    "short_conv_kernel_size": 4,
                },
            ),
            2 * 576,
            3 * 4 * (32 * 128 * 128 + 9 * 32 * 128),
        ),
    ],
)  # fmt: skip
def test_a_configuration_says_what_its_layers_keep(given: dict[str, Any], token: int, constant: int) -> None:
    found = of_config(given)
    assert found is not None
    assert (found["kv_token_bytes"], found["kv_constant_bytes"]) == (token, constant)


@pytest.mark.parametrize(
    "given",
    [
        config(4, 8, 128),
        config(4, 8, 128, layer_types=["full_attention", "a new kind"] * 2),
        config(4, 8, 128, layer_types=["full_attention"]),
        config(4, 8, 128, sliding_window=4096),
        config(4, 8, 128, layer_types=["sliding_attention", "full_attention"] * 2),
        config(4, 8, 128, block_configs=[{"attention": "x"}] * 4),
    ],
)
def test_what_is_not_known_of_layers_is_left_to_the_plain_formula(given: dict[str, Any]) -> None:
    found = of_config(given)
    assert found is not None
    assert found["kv_token_bytes"] is None
    assert found["kv_constant_bytes"] is None


def header(name: str, layers: int, heads: int | list[int], size: int, **more: Any) -> dict[str, Any]:
    given = {
        "block_count": layers, "attention.head_count": 32, "attention.head_count_kv": heads,
        "attention.key_length": size, "attention.value_length": size,
        **{key.replace("__", "."): value for key, value in more.items()},
    }  # fmt: skip
    return {"general.architecture": name, **{f"{name}.{key}": value for key, value in given.items()}}


_SSM = {"ssm__inner_size": 4096, "ssm__state_size": 128, "ssm__group_count": 8, "ssm__conv_kernel": 4}


@pytest.mark.parametrize(
    ("given", "token", "constant"),
    [
        (header("gemma3", 12, 8, 128, attention__sliding_window=512), 2 * 4096, 10 * 512 * 4096),
        (header("gpt-oss", 4, 8, 64, attention__sliding_window=128), 2 * 2048, 2 * 128 * 2048),
        (
            header("muse", 8, 8, 128, attention__sliding_window=16, attention__sliding_window_pattern=4),
            2 * 4096,
            6 * 16 * 4096,
        ),
        (
            header(
                "gemma4", 6, [8, 8, 2] * 2, 512, attention__sliding_window=64, attention__key_length_swa=256,
                attention__value_length_swa=256, attention__sliding_window_pattern=[True, True, False] * 2,
                attention__shared_kv_layers=2,
            ),
            2 * 2048,
            3 * 64 * 8192,
        ),
        (header("llama4", 4, 8, 128), 4096, 3 * 8192 * 4096),
        # Heads that are laid together: one of 576, whose values are a part of it
        (
            header(
                "deepseek2", 61, 1, 576, attention__kv_lora_rank=512, rope__dimension_count=64,
                attention__key_length_mla=192,
            ),
            61 * 576 * 2,
            None,
        ),
        (header("qwen35", 8, 4, 256, **_SSM), 2 * 4096, 6 * _MAMBA2),
        (header("nemotron_h", 4, [0, 0, 8, 0], 128, feed_forward_length=[0, 9, 0, 0], **_SSM), 4096, 2 * _MAMBA2),
        (header("deci", 4, [8, 0, 8, 0], 128), 2 * 4096, None),
        (header("llama", 4, 8, 128, attention__sliding_window=4096), None, None),
    ],
)  # fmt: skip
def test_a_header_says_what_its_layers_keep(given: dict[str, Any], token: int | None, constant: int | None) -> None:
    found = of_header(given)
    assert found is not None
    assert (found["kv_token_bytes"], found["kv_constant_bytes"]) == (token, constant)


def test_the_state_of_a_hybrid_is_what_a_loader_keeps_beside_its_cache() -> None:
    # 16.15 GiB at 262,144 tokens, of which 16.00 are the cache of the full layers
    assert pytest.approx(0.15, abs=0.005) == _QWEN_STATE / 2**30


def test_a_file_says_of_each_layer_whether_it_slides(tmp_path: Path) -> None:
    path = tmp_path / "gemma.gguf"
    values: list[tuple[str | bytes, int, Any]] = [
        ("general.architecture", TEXT, "gemma4"), ("gemma4.context_length", U32, 8192),
        ("gemma4.block_count", U32, 3), ("gemma4.embedding_length", U32, 256),
        ("gemma4.attention.head_count", U32, 4), ("gemma4.attention.head_count_kv", LIST, (U32, [2, 2, 1])),
        ("gemma4.attention.sliding_window", U32, 16),
        ("gemma4.attention.sliding_window_pattern", LIST, (BOOL, [True, True, False])),
    ]  # fmt: skip
    path.write_bytes(gguf(values))
    header = read_gguf_header(BytesIO(path.read_bytes()))
    found = of_header(header.values)
    assert found is not None
    assert (found["kv_token_bytes"], found["kv_constant_bytes"]) == (1 * 128 * 2, 2 * 2 * 128 * 2 * 16)
