"""What a context takes in memory, from what configurations and headers say of a model's layers.

Layers keep keys and values of all tokens, of those in a window, as one latent vector, or nothing of the kind but a
state that does not grow. Sources: `DynamicCache` and the configurations of transformers, `llama_kv_cache`,
`llama_memory_recurrent` and `llama_hparams` of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.untrusted import is_whole, object_at, text_at

# At 16 bits a value, as manifests count.
BYTES: Final = 2
# States are kept at 32 bits by llama.cpp and transformers.
STATE_BYTES: Final = 4

FULL, SLIDING, STATE, CONVOLUTION, NOTHING = "full", "sliding", "state", "convolution", "nothing"
# A layer that keeps a cache and a state side by side.
BOTH = "both"


class Kept(NamedTuple):
    """What the layers of a model keep: bytes that each token takes, and bytes that are taken besides."""

    token: int
    constant: int


def kept(kinds: Sequence[str], full: int, sliding: int, window: int, state: int, convolution: int) -> Kept:
    """What layers of these kinds keep.

    Args:
        full, sliding: bytes of a token in a layer that looks back at all, and in one that looks back `window` tokens.
        state, convolution: bytes that a layer with a state, or a short convolution, keeps whatever the context.
    """
    constant = kinds.count(SLIDING) * sliding * window
    constant += (kinds.count(STATE) + kinds.count(BOTH)) * state + kinds.count(CONVOLUTION) * convolution
    return Kept((kinds.count(FULL) + kinds.count(BOTH)) * full, constant)


def periodic(layers: int, period: int) -> list[str]:
    """Layers of which the last of each period looks back at all, as `set_swa_pattern` of llama.cpp."""
    return [SLIDING if period == 0 or place % period < period - 1 else FULL for place in range(layers)]


# ---- configurations of transformers ----------------------------------------------------------------------------------

_KINDS: Final = {
    "full_attention": FULL, "attention": FULL, "global_attention": FULL, "global": FULL, "*": FULL,
    "sliding_attention": SLIDING, "local_attention": SLIDING, "chunked_attention": SLIDING, "local": SLIDING,
    "linear_attention": STATE, "mamba": STATE, "mamba2": STATE, "M": STATE, "conv": CONVOLUTION, "mlp": NOTHING,
    "moe": NOTHING, "-": NOTHING, "E": NOTHING, "L": SLIDING, "G": FULL, "hybrid": BOTH, "recurrent": STATE,
}  # fmt: skip
# Families whose configurations were written before `layer_types`, by the period of the layers that look back at all.
_PERIODS: Final = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4}
_LONGEST_PATTERN: Final = 4096
# Families of which every layer has both, and those that have a state alone.
_ALL_BOTH: Final = frozenset(("falcon_h1",))
_ALL_STATE: Final = frozenset(("mamba", "mamba2", "falcon_mamba"))
# Those whose layers have two attentions each.
_TWICE: Final = frozenset(("longcat_flash",))


def kinds_in(config: Mapping[str, Json], layers: int) -> list[str] | None:
    """The kinds of the layers, as a configuration says them; None where it does not, or not in a way that is known:
    then every layer counts as one that looks back at all."""
    kinds = _said(config, layers)
    shared = config.get("num_kv_shared_layers")
    if is_whole(shared) and 0 < shared < layers:
        # The last layers look into the cache of an earlier one
        kinds = (kinds or [FULL] * layers)[: layers - shared]
    return kinds


def _said(config: Mapping[str, Json], layers: int) -> list[str] | None:
    if layers > _LONGEST_PATTERN:
        return None
    for key in ("layer_types", "layers_block_type", "hybrid_override_pattern"):
        names = config.get(key)
        if isinstance(names, list | str) and len(names) == layers:
            found = [_KINDS.get(name) if isinstance(name, str) else None for name in names]
            known = [kind for kind in found if kind is not None]
            return known if len(known) == layers else None

    def number(key: str) -> int:
        value = config.get(key)
        return value if is_whole(value) and 0 < value < 2**32 else 0

    if text_at(config, "model_type") in _ALL_BOTH:
        return [BOTH] * layers
    if text_at(config, "model_type") in _TWICE:
        return [FULL] * (2 * layers)
    every = number("cla_share_factor")
    if config.get("use_cla") is True and every > 1:
        # Hunyuan: so many layers look into one cache
        return [NOTHING if place % every else FULL for place in range(layers)]
    listed = config.get("attn_type_list")
    if isinstance(listed, list) and len(listed) == layers and all(one in (0, 1) for one in listed):
        # MiniMax: 0 is linear attention
        return [FULL if one else STATE for one in listed]
    listed = config.get("full_attn_idxs")
    if isinstance(listed, list) and listed and number("conv_L_cache"):
        return [FULL if place in listed else CONVOLUTION for place in range(layers)]
    listed = config.get("block_types")
    if isinstance(listed, list) and listed and number("attention_window_size"):
        # Griffin: the pattern is repeated, and its attention looks back no further than a window
        kinds = {"recurrent": STATE, "attention": SLIDING}
        found = [kinds.get(one) if isinstance(one, str) else None for one in listed]
        whole = [kind for kind in found if kind is not None]
        return [whole[place % len(whole)] for place in range(layers)] if len(whole) == len(listed) else None
    if every := number("full_attention_interval"):
        return [FULL if (place + 1) % every == 0 else STATE for place in range(layers)]
    if every := number("attn_layer_period"):
        return [FULL if place % every == number("attn_layer_offset") else STATE for place in range(layers)]
    listed = config.get("attn_layer_indices")
    if isinstance(listed, list) and listed:
        return [FULL if place in listed else STATE for place in range(layers)]
    listed = object_at(config, "linear_attn_config").get("full_attn_layers")
    if isinstance(listed, list):
        return [FULL if place + 1 in listed else STATE for place in range(layers)]
    if number("attention_chunk_size"):
        ropes, every = config.get("no_rope_layers"), number("no_rope_layer_interval") or 4
        if isinstance(ropes, list) and len(ropes) == layers:
            return [SLIDING if rope == 1 else FULL for rope in ropes]
        return periodic(layers, every)
    if not number("sliding_window"):
        return None
    if config.get("use_sliding_window") is True and "max_window_layers" in config:
        first = number("max_window_layers")
        return [FULL if place < first else SLIDING for place in range(layers)]
    pattern = config.get("sliding_window_pattern")
    if isinstance(pattern, str) and 0 < len(pattern) <= layers and not pattern.strip("LG"):
        return [_KINDS[pattern[place % len(pattern)]] for place in range(layers)]
    period = number("sliding_window_pattern") or _PERIODS.get(text_at(config, "model_type"), 0)
    return periodic(layers, period) if period else None


def kept_in(config: Mapping[str, Json], layers: int, heads: int, size: int, latent: int = 0) -> Kept | None:
    """What the layers of a configuration keep; None where the plain formula says it, or is the best that there is.

    Args:
        heads, size: of keys and values, in a layer that is as the others.
        latent: numbers of a latent vector that is kept in place of both.
    """

    def number(*keys: str) -> int:
        values = (value for key in keys if is_whole(value := config.get(key)) and 0 < value < 2**32)
        return next(values, 0)

    grouped = _grouped(config, layers, size)
    if grouped is not None:
        return grouped
    kinds = kinds_in(config, layers)
    longest = number("max_position_embeddings")
    if kinds is not None and 0 < longest <= number("sliding_window"):
        # A window that is no shorter than all that there is to see is none
        kinds = [FULL if kind == SLIDING else kind for kind in kinds]
    if kinds is None and not latent:
        return None
    each = latent * BYTES if latent else 2 * heads * size * BYTES
    full = each
    if wide := number("global_head_dim"):
        full = 2 * (number("num_global_key_value_heads") or heads) * wide * BYTES
    window = number("sliding_window", "attention_chunk_size", "attention_window_size")
    if kinds is not None and SLIDING in kinds and not window:
        return None
    return kept(kinds or [FULL] * layers, full, each, window, _state(config), _convolution(config))


def state_in(config: Mapping[str, Json], layers: int) -> Kept | None:
    """What a model keeps whose layers have a state alone; None for one that has attention, or that does not say all
    of it."""
    if text_at(config, "model_type") not in _ALL_STATE or layers > _LONGEST_PATTERN:
        return None
    state = _state(config)
    return Kept(0, layers * state) if state else None


# What layers with their own numbers of heads for keys and values are called in.
_HEADS_OF_LAYERS: Final = ("num_key_value_heads_per_layer", "num_key_value_heads", "num_kv_heads")


def _grouped(config: Mapping[str, Json], layers: int, size: int) -> Kept | None:
    """Layers that have each its own heads, or no attention at all: pruned one by one (Nemotron NAS, DeciLM), or made so
    (OpenELM)."""
    for key in _HEADS_OF_LAYERS:
        listed = config.get(key)
        if isinstance(listed, list) and len(listed) == layers and all(is_whole(one) for one in listed):
            each = [one for one in listed if is_whole(one) and 0 <= one < 2**16]
            return Kept(2 * sum(each) * size * BYTES, 0) if sum(each) and len(each) == layers else None
    blocks, heads = config.get("block_configs"), config.get("num_attention_heads")
    if not isinstance(blocks, list) or len(blocks) != layers or not is_whole(heads):
        return None
    total = 0
    for block in blocks:
        attention = object_at(block, "attention") if isinstance(block, dict) else {}
        group = attention.get("n_heads_in_group")
        own = attention.get("num_key_value_heads")
        if is_whole(group) and 0 < group <= heads:
            total += heads // group
        elif is_whole(own) and 0 < own <= heads and attention.get("no_op") is not True:
            total += own
    return Kept(2 * total * size * BYTES, 0) if total else None


def _state(config: Mapping[str, Json]) -> int:
    """The bytes of one layer's state; 0 where the configuration does not say all of it."""

    def number(*keys: str, of: Mapping[str, Json] = config) -> int:
        values = (value for key in keys if is_whole(value := of.get(key)) and 0 < value < 2**24)
        return next(values, 0)

    # A gated delta rule: a matrix to each head of values
    key_heads, value_heads = number("linear_num_key_heads"), number("linear_num_value_heads")
    key_size, value_size = number("linear_key_head_dim"), number("linear_value_head_dim")
    if value_heads and key_size and value_size:
        mixed = 2 * key_heads * key_size + value_heads * value_size
        before = max(number("linear_conv_kernel_dim") - 1, 0)
        return STATE_BYTES * (value_heads * key_size * value_size + before * mixed)
    delta = object_at(config, "linear_attn_config")
    heads, size = number("num_heads", of=delta), number("head_dim", of=delta)
    if heads and size:
        before = max(number("short_conv_kernel_size", of=delta) - 1, 0)
        return STATE_BYTES * (heads * size * size + 3 * before * heads * size)
    heads, size = number("num_attention_heads"), number("head_dim")
    if isinstance(config.get("attn_type_list"), list):
        # Lightning attention: a matrix to each head
        size = size or (number("hidden_size") // heads if heads else 0)
        return STATE_BYTES * heads * size * size
    width = number("lru_width", "hidden_size")
    if isinstance(config.get("block_types"), list):
        # Griffin: a number to each channel, and what its convolution keeps
        return STATE_BYTES * width * max(number("conv1d_width"), 1)
    is_alone = text_at(config, "model_type") in _ALL_STATE
    inner = number("mamba_num_heads", "mamba_n_heads", "n_mamba_heads")
    inner *= number("mamba_head_dim", "mamba_d_head", "mamba_headdim")
    inner = inner or number("mamba_d_ssm") or (number("intermediate_size") if is_alone else 0)
    inner = inner or number("mamba_expand", *(("expand",) if is_alone else ())) * number("hidden_size")
    groups = number("mamba_n_groups", "mamba_ngroups", "n_groups")
    states = number("ssm_state_size", "mamba_d_state", "state_size")
    return _selective(inner, states, groups, number("conv_kernel", "mamba_d_conv"))


def _selective(inner: int, states: int, groups: int, kernel: int) -> int:
    """The state of a layer of Mamba, and what its convolution keeps: `n_embd_s` and `n_embd_r` of llama.cpp."""
    if not inner or not states:
        return 0
    return STATE_BYTES * (inner * states + max(kernel - 1, 0) * (inner + 2 * groups * states))


def _convolution(config: Mapping[str, Json]) -> int:
    kernel, width = config.get("conv_L_cache"), config.get("hidden_size")
    if not (is_whole(kernel) and is_whole(width)) or not (1 < kernel < 2**16 and 0 < width < 2**24):
        return 0
    return STATE_BYTES * (kernel - 1) * width


# ---- headers of GGUF -------------------------------------------------------------------------------------------------

# Where a header has a window and no pattern, llama.cpp has the period of it.
_GGUF_PERIODS: Final = {
    "gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "exaone4": 4, "llama4": 4, "olmo2": 4,
    "afmoe": 4, "exaone-moe": 4, "plamo3": 8,
}  # fmt: skip
_LLAMA4_CHUNK: Final = 8192
# Architectures of which every layer keeps a cache and a state.
_HEADER_BOTH: Final = frozenset(("falcon-h1",))
# `full_attention_interval`, where a header does not have it.
_GGUF_INTERVALS: Final = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}


def kept_in_header(values: Mapping[str, Json], name: str, layers: int, heads: int, size: int) -> Kept | None:
    """What the layers of a GGUF header keep; None where the plain formula says it, or is the best that there is.

    Args:
        name: of the architecture. heads, size: of keys and values, of lists of heads the most.
    """

    def number(key: str) -> int:
        value = values.get(f"{name}.{key}")
        return value if is_whole(value) and 0 < value < 2**32 else 0

    def listed(key: str) -> list[int]:
        found = values.get(f"{name}.{key}")
        items = found if isinstance(found, list) else []
        numbers = [int(one) for one in items if (is_whole(one) or isinstance(one, bool)) and 0 <= one < 2**32]
        return numbers if len(numbers) == len(items) else []

    if layers > _LONGEST_PATTERN:
        return None
    values_size = number("attention.value_length") or size
    latent, rope = number("attention.kv_lora_rank"), number("rope.dimension_count")
    # A file that was made before heads were laid together has all of them in its cache
    is_latent = bool(latent and rope) and (heads == 1 or bool(number("attention.key_length_mla")))
    each = listed("attention.head_count_kv")
    each = each if len(each) == layers else [heads] * layers
    kinds = _header_kinds(name, layers, number, listed)
    is_both = name in _HEADER_BOTH
    is_plain = kinds is None and values_size == size and len(set(each)) == 1 and not is_latent and not is_both
    shared = number("attention.shared_kv_layers")
    if is_plain and not shared:
        return None
    kinds = kinds or [FULL] * layers
    window = number("attention.sliding_window") or number("attention.chunk_size")
    window = window or (_LLAMA4_CHUNK if name == "llama4" else 0)
    narrow = number("attention.key_length_swa") or size
    narrow_values = number("attention.value_length_swa") or (values_size if narrow == size else narrow)
    forward, state = listed("feed_forward_length"), _header_state(number)
    short = number("embedding_length") * max(number("shortconv.l_cache") - 1, 0) * STATE_BYTES
    token, constant = 0, layers * state if is_both else 0
    for place, (kind, count) in enumerate(zip(kinds, each, strict=True)):
        has_forward = len(forward) == layers and forward[place] > 0
        if kind == STATE or (count == 0 and state and not has_forward):
            constant += state
        elif count == 0:
            constant += short
        elif place >= layers - shared:
            continue
        elif kind == SLIDING:
            constant += count * (narrow + narrow_values) * BYTES * window
        else:
            token += (latent + rope if is_latent else count * (size + values_size)) * BYTES
    return Kept(token, constant)


_Number: TypeAlias = Callable[[str], int]
_Listed: TypeAlias = Callable[[str], list[int]]


def _header_kinds(name: str, layers: int, number: _Number, listed: _Listed) -> list[str] | None:
    every = number("full_attention_interval") or _GGUF_INTERVALS.get(name, 0)
    if every:
        return [FULL if (place + 1) % every == 0 else STATE for place in range(layers)]
    if not number("attention.sliding_window") and name != "llama4":
        return None
    pattern = listed("attention.sliding_window_pattern")
    if pattern:
        return [SLIDING if pattern[place % len(pattern)] else FULL for place in range(layers)]
    period = number("attention.sliding_window_pattern") or _GGUF_PERIODS.get(name, 0)
    return periodic(layers, period) if period else None


def state_in_header(values: Mapping[str, Json], name: str, layers: int) -> Kept | None:
    """What a model keeps whose layers have a state alone (Mamba, RWKV); None where its header does not say it."""

    def number(key: str) -> int:
        value = values.get(f"{name}.{key}")
        return value if is_whole(value) and 0 < value < 2**24 else 0

    if layers > _LONGEST_PATTERN:
        return None
    state, width = _header_state(number), number("embedding_length")
    if head := number("wkv.head_size"):
        state = STATE_BYTES * width * (head + (number("token_shift_count") or 2))
    return Kept(0, layers * state) if state else None


def _header_state(number: _Number) -> int:
    if size := number("kda.head_dim"):
        # A delta rule: a matrix to each head, and a convolution to each of queries, keys and values
        heads = number("attention.head_count")
        return STATE_BYTES * heads * (size * size + 3 * max(number("ssm.conv_kernel") - 1, 0) * size)
    inner, states = number("ssm.inner_size"), number("ssm.state_size")
    if inner >= 2**24 or states >= 2**24:
        return 0
    return _selective(inner, states, min(number("ssm.group_count"), 2**16), min(number("ssm.conv_kernel"), 2**16))
