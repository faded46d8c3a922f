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


_FALCON_H1 = {
    "model_type": "falcon_h1", "hidden_size": 3072, "attn_layer_indices": None, "mamba_d_conv": 4, "mamba_d_head": 128,
    "mamba_d_ssm": 3072, "mamba_d_state": 256, "mamba_expand": 2, "mamba_n_groups": 1, "mamba_n_heads": 24,
}  # fmt: skip
_FALCON_H1_STATE = 4 * (3072 * 256 + 3 * (3072 + 2 * 256))
_PLAIN = (None, None)


@pytest.mark.parametrize(
    ("given", "shape", "kept"),
    [
        # Falcon-H1-7B: a cache and a state in every layer
        (config(44, 2, 128, **_FALCON_H1), (2, 128), (44 * 1024, 44 * _FALCON_H1_STATE)),
        (
            config(44, 2, 128, **{**_FALCON_H1, "mamba_d_head": "auto"}), (2, 128),
            (44 * 1024, 44 * _FALCON_H1_STATE),
        ),
        # Zamba2-7B, cut short: heads wider than the hidden size tells, shared between layers that have a state, too
        (
            {
                "model_type": "zamba2", "num_hidden_layers": 4, "num_attention_heads": 32, "num_key_value_heads": 32,
                "hidden_size": 3584, "attention_head_dim": 224, "kv_channels": 112, "mamba_expand": 2,
                "mamba_d_state": 64, "mamba_d_conv": 4, "mamba_ngroups": 2,
                "layers_block_type": ["mamba", "mamba", "hybrid", "mamba"],
            },
            (32, 224),
            (2 * 32 * 224 * 2, 4 * 4 * (7168 * 64 + 3 * (7168 + 4 * 64))),
        ),
        # falcon-mamba-7b states an expansion of 16, and is 8192 wide
        (
            {
                "model_type": "falcon_mamba", "num_hidden_layers": 64, "hidden_size": 4096, "intermediate_size": 8192,
                "expand": 16, "state_size": 16, "conv_kernel": 4,
            },
            (0, 0),
            (0, 64 * 4 * (8192 * 16 + 3 * 8192)),
        ),
        # Mamba-Codestral-7B
        (
            {
                "model_type": "mamba2", "num_hidden_layers": 64, "hidden_size": 4096, "num_heads": 128, "head_dim": 64,
                "expand": 2, "state_size": 128, "n_groups": 8, "conv_kernel": 4,
            },
            (0, 0),
            (0, 64 * 4 * (8192 * 128 + 3 * (8192 + 2 * 8 * 128))),
        ),
        # MiniMax-M1: lightning attention in seven layers of eight
        (
            config(80, 8, 128, attn_type_list=[0, 0, 0, 0, 0, 0, 0, 1] * 10),
            (8, 128),
            (10 * 4096, 70 * 4 * 32 * 128 * 128),
        ),
        (config(3, 8, 128, attn_type_list=[1, 1, 1]), (8, 128), (3 * 4096, None)),
        # LFM2 as it was first written
        (
            config(4, 8, 64, full_attn_idxs=[2], conv_L_cache=3, hidden_size=1024), (8, 64),
            (2048, 3 * 4 * 2 * 1024),
        ),
        # RecurrentGemma-2B, cut short
        (
            config(
                5, 1, 256, model_type="recurrent_gemma", block_types=["recurrent", "recurrent", "attention"],
                attention_window_size=2048, lru_width=2560, conv1d_width=4,
            ),
            (1, 256),
            (0, 2048 * 1024 + 4 * 4 * 4 * 2560),
        ),
        # Qwen2 with its windows on: layers from `max_window_layers` slide
        (
            config(4, 8, 128, use_sliding_window=True, max_window_layers=3, sliding_window=512), (8, 128),
            (3 * 4096, 512 * 4096),
        ),
        (config(4, 8, 128, use_sliding_window=False, max_window_layers=3, sliding_window=512), (8, 128), _PLAIN),
        # Ministral-8B: a window as long as the context is none
        (
            config(
                4, 8, 128, layer_types=["full_attention", *["sliding_attention"] * 3], sliding_window=32768,
                max_position_embeddings=32768,
            ),
            (8, 128),
            (4 * 4096, None),
        ),
        # DBRX and MPT have them beside
        (
            {"n_layers": 40, "n_heads": 48, "d_model": 6144, "attn_config": {"kv_n_heads": 8}}, (8, 128), _PLAIN
        ),
        # Falcon-7B states 71 heads for keys and values, and has one; Falcon-40B has 8
        (
            {
                "num_hidden_layers": 32, "num_attention_heads": 71, "hidden_size": 4544, "multi_query": True,
                "new_decoder_architecture": False, "num_kv_heads": 71,
            },
            (1, 64),
            _PLAIN,
        ),
        ({"n_layer": 60, "n_head": 128, "hidden_size": 8192, "n_head_kv": 8}, (8, 64), _PLAIN),
        # DeciLM-7B and OpenELM: each layer has its own
        (
            {
                "num_hidden_layers": 3, "num_attention_heads": 32, "hidden_size": 4096,
                "num_key_value_heads_per_layer": [4, 2, 1],
            },
            (4, 128),
            (2 * 7 * 128 * 2, None),
        ),
        (
            {"num_transformer_layers": 2, "num_query_heads": [12, 20], "num_kv_heads": [3, 5], "head_dim": 64},
            (5, 64),
            (2 * 8 * 64 * 2, None),
        ),
        # gemma-3-4b leaves out what transformers takes anyway
        (
            {
                "model_type": "gemma3",
                "text_config": {
                    "model_type": "gemma3_text", "num_hidden_layers": 34, "hidden_size": 2560, "sliding_window": 1024,
                },
            },
            (4, 256),
            (5 * 4096, 29 * 1024 * 4096),
        ),
        # GPT-Neo
        ({"num_layers": 24, "num_heads": 16, "hidden_size": 2048}, (16, 128), _PLAIN),
        # LongCat-Flash attends twice in each layer; Hunyuan-Large has a cache to two layers
        (
            {
                "model_type": "longcat_flash", "num_layers": 28, "num_attention_heads": 64, "kv_lora_rank": 512,
                "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "hidden_size": 6144,
            },
            (64, 192),
            (56 * 576 * 2, None),
        ),
        (config(64, 8, 128, use_cla=True, cla_share_factor=2), (8, 128), (32 * 4096, None)),
        (config(32, 8, 128, use_cla=False, cla_share_factor=2), (8, 128), _PLAIN),
        # MiniCPM3 has latent attention, and its loaders keep all
        (
            {
                "model_type": "minicpm3", "num_hidden_layers": 62, "num_attention_heads": 40, "num_key_value_heads": 40,
                "hidden_size": 2560, "kv_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32,
            },
            (40, 96),
            _PLAIN,
        ),
    ],
)  # fmt: skip
def test_families_say_it_each_in_their_own_words(
    given: dict[str, Any], shape: tuple[int, int], kept: tuple[int | None, int | None]
) -> None:
    found = of_config(given)
    assert found is not None
    assert (found["kv_heads"], found["head_dim"]) == shape
    assert (found["kv_token_bytes"], found["kv_constant_bytes"]) == kept


@pytest.mark.parametrize(
    "given",
    [
        {"model_type": "mamba", "num_hidden_layers": 24, "hidden_size": 768},
        {"model_type": "mamba", "num_hidden_layers": 2**31, "hidden_size": 768, "state_size": 16, "expand": 2},
        {"num_transformer_layers": 2, "num_kv_heads": ["3", 5], "num_query_heads": [1, 2]},
        {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64, "num_key_value_heads": [0, 0]},
    ],
)
def test_what_says_too_little_or_nonsense_says_nothing(given: dict[str, Any]) -> None:
    found = of_config(given)
    assert found is None or (found["kv_token_bytes"], found["kv_constant_bytes"]) == _PLAIN


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
        (header("falcon-h1", 4, 8, 128, **_SSM), 4 * 4096, 4 * _MAMBA2),
        (header("olmo2", 8, 8, 128, attention__sliding_window=4096), 2 * 4096, 6 * 4096 * 4096),
        (header("mamba2", 4, 0, 0, attention__head_count=0, **_SSM), 0, 4 * _MAMBA2),
        (
            header(
                "rwkv7", 4, 0, 0, attention__head_count=0, embedding_length=2048, wkv__head_size=64,
                token_shift_count=1,
            ),
            0,
            4 * 4 * 2048 * 65,
        ),
        (
            header("lfm2", 3, [0, 0, 8], 64, embedding_length=1024, shortconv__l_cache=3), 2048, 2 * 4 * 2 * 1024
        ),
        (
            header(
                "kimi-linear", 4, [0, 0, 0, 1], 576, attention__kv_lora_rank=512, rope__dimension_count=64,
                attention__key_length_mla=192, kda__head_dim=128, ssm__conv_kernel=4,
            ),
            2 * 576,
            3 * 4 * 32 * (128 * 128 + 9 * 128),
        ),
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
