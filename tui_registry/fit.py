"""Will it run here: what a record needs to run, and whether a machine has it.

needed = weights + cache of the context + overhead, all in bytes. It is an estimate but for sizes of files, which are
what they are. Every number that it is made of is kept, so that it can be shown. GB is 10^9 bytes, GiB is 2^30, and
neither stands for the other.

No I/O: what machine this one is tells `machine`, and the sentences stand in `present.fit_words`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, Literal, TypeAlias

from tui_registry.errors import Json, Record
from tui_registry.frozen import NamedTuple
from tui_registry.text import USUAL_CONTEXT

# Compiled at the first text that needs them: together they take longer than all else that is imported here.
_compiled: Final = cache(re.compile)

GB: Final = 10**9
MIB: Final = 2**20
GIB: Final = 2**30

# ---- bits of a weight ------------------------------------------------------------------------------------------------


class Bits(NamedTuple):
    """What one weight takes.

    Attributes:
        scheme: such as `Q4_K_M`. bits: on average, over all weights of a model. is_said: the record says the scheme;
            else it is the usual one of its kind.
    """

    scheme: str
    bits: float
    is_said: bool = True


# Averages over whole models. GGUF: llama.cpp, tools/quantize/README.md, Llama-3.1-8B; where it has none (Q4_0, Q5_0,
# Q3_K_M), block sizes of ggml with the wider output layer that files have. Files of other models differ by a few
# per cent, as embeddings and the output layer are stored wider and weigh more in small models.
_GGUF: Final = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.57, "Q5_K_M": 5.70, "Q5_K_S": 5.57, "Q5_1": 6.0,
    "Q5_0": 5.54, "Q4_K_M": 4.87, "Q4_K_S": 4.67, "Q4_1": 5.07, "Q4_0": 4.56, "Q3_K_L": 4.30, "Q3_K_M": 4.0,
    "Q3_K_S": 3.64, "Q2_K": 3.16, "Q2_K_S": 2.97, "IQ4_NL": 4.68, "IQ4_XS": 4.46, "IQ3_M": 3.76, "IQ3_S": 3.66,
    "IQ3_XS": 3.50, "IQ3_XXS": 3.25, "IQ3_K": 3.85, "IQ2_M": 2.93, "IQ2_S": 2.74, "IQ2_XS": 2.59, "IQ2_XXS": 2.38,
    "IQ1_M": 2.15, "IQ1_S": 2.0, "TQ1_0": 1.9, "TQ2_0": 2.3,
    # Of ik_llama.cpp: bits of its blocks, and what such files have wider, as above (IQ4_XS 4.25 and 4.46)
    "IQ1_KT": 2.0, "IQ2_K": 2.6, "IQ2_KL": 2.9, "IQ2_KS": 2.4, "IQ2_KT": 2.35, "IQ3_KS": 3.4, "IQ3_KT": 3.35,
    "IQ4_K": 4.7, "IQ4_KS": 4.45, "IQ4_KSS": 4.2, "IQ4_KT": 4.2, "IQ5_K": 5.7, "IQ5_KS": 5.4, "IQ6_K": 6.7,
    # With the embeddings, or layers that matter most, a step wider
    "Q3_K_XL": 4.1, "Q4_K_L": 5.0, "Q4_K_XL": 4.9, "Q5_K_L": 5.8, "Q5_K_XL": 5.75, "Q6_K_L": 6.7, "Q6_K_XL": 6.9,
    "Q8_K_XL": 9.5,
}  # fmt: skip
# In very large models hardly anything is stored wider than the scheme says: bits of the blocks alone, and what files of
# DeepSeek-R1 (671 B) have.
_GGUF_LARGE: Final = {"IQ1_S": 1.67, "IQ1_M": 1.85, "IQ2_XXS": 2.2, "Q2_K": 2.9}
_VERY_LARGE: Final = 200 * 10**9
# Others: a number of bits with a scale of 16 bits to a group, and embeddings left at 16 bits (some 1.3 % of a model of
# 30 B). MXFP4 and NVFP4: OCP Microscaling Formats 1.0, 4.25 and 4.5 bits; attention and embeddings are left wide in the
# files that there are (gpt-oss 4.63, Kimi-K3 4.46).
_OTHERS: Final = {
    "FP64": 64.0, "FP32": 32.0, "FP16": 16.0, "FP8": 8.1, "FP4": 4.5, "INT8": 8.5, "INT4": 4.5, "GPTQ": 4.32,
    "AWQ": 4.32, "NF4": 4.5, "MXFP4": 4.45, "NVFP4": 4.6, "EXL2": 4.65, "EXL3": 4.1, "HQQ": 4.5, "MXFP8": 8.3,
    "MXFP6": 6.3, "EETQ": 8.5,
    # Weights of three values take 2 bits as they are packed; embeddings, left at 16, are much of such a model
    "BITNET": 3.3,
}  # fmt: skip
# Names that say how weights are stored, and not in how many bits
_KINDS: Final = frozenset(("GGUF", "GPTQ", "AWQ", "EXL2", "EXL3", "HQQ", "BITNET"))
_IN_GGUF_TOO: Final = frozenset(("MXFP4", "NVFP4", "BITNET"))
_ALIASES: Final = {
    "FLOAT32": "FP32", "F32": "FP32", "FLOAT16": "FP16", "F16": "FP16", "HALF": "FP16", "BFLOAT16": "BF16",
    "FLOAT8": "FP8", "F8": "FP8", "FP8_E4M3": "FP8", "FP8_E5M2": "FP8", "F64": "FP64", "8BIT": "INT8", "4BIT": "INT4",
    "BNB_4BIT": "NF4", "BNB_NF4": "NF4", "BNB_FP4": "NF4", "BNB_INT8": "INT8", "BNB_8BIT": "INT8",
    "BITSANDBYTES": "NF4", "F8_E4M3": "FP8", "F8_E5M2": "FP8", "Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M",
    "Q2_K_M": "Q2_K", "Q2_K_L": "Q2_K", "Q2_K_XL": "Q2_K", "Q6_K_M": "Q6_K", "Q8_K": "Q8_0", "I2_S": "BITNET",
    "TERNARY": "BITNET", "1_58BIT": "BITNET", "1_58_BIT": "BITNET", "B1_58": "BITNET", "1_58BPW": "BITNET",
}  # fmt: skip
# What records call a scheme of GGUF: in tags, in names of files and in words of their own.
_SCHEME: Final = (
    r"(?<![A-Z0-9])(IQ[1-6]_(?:XXS|XS|NL|KSS|KS|KT|KL|S|M|K)|Q[2-8]_K(?:_(?:XL|[SML]))?|Q[1-8]_[01]|TQ[12]_0|I2_S|"
    r"MXFP[468]|NVFP4|NF4|BF16|F16|F32|FP16|FP32|FP8|F8_E4M3|F8_E5M2|B?1_58_?BIT|B1_58|BITNET|EETQ)(?![A-Z0-9])"
)
# Names of files often say, too, what the file was made of, or how wide its embeddings are
_WIDE_SCHEMES: Final = frozenset(("BF16", "F16", "F32", "FP16", "FP32"))
# `4-bit-128g`, `Int4`, `W4A16`, and of MLC `q4f16_1`: so many bits, and how many weights share a scale.
_GROUPED: Final = (
    r"(?<![A-Z0-9])(?:([2-8])_?BITS?(?:_([0-9]{1,4})G(?![A-Z0-9]))?|U?INT([2-8])(?![0-9])|W([2-8])A[0-9]{1,2}|"
    r"Q([2-8])F(?:16|32)(?![0-9]))"
)
# `4.65bpw`: bits of a weight, on average
_AVERAGE: Final = r"(?<![A-Z0-9])([0-9]{1,2})(?:_([0-9]{1,3}))?_?BPW(?![A-Z0-9])"


def bits_of(name: str, parameters: int = 0) -> Bits | None:
    """The bits of a weight by the name of a quantisation or scheme, None where the name does not tell them.

    Args:
        name: `Q4_K_M`, `BF16`, `GPTQ-4bit-128g`, or a name of a file that has such a word in it.
        parameters: of the model, as what is stored wider weighs less in the largest.
    """
    return _bits_of(name[:_LONGEST_NAME], parameters >= _VERY_LARGE)


_LONGEST_NAME: Final = 256


# The same few schemes, tags and names come again and again
@lru_cache(maxsize=4096)
def _bits_of(name: str, is_large: bool) -> Bits | None:
    upper = re.sub(r"[\s.\-]+", "_", name.strip().upper())
    named = _ALIASES.get(upper, upper)
    if named in _OTHERS:
        return Bits(named, _OTHERS[named], named not in _KINDS)
    if named in _GGUF:
        return Bits(named, _gguf(named, is_large))
    found = [_ALIASES.get(one, one) for one in _compiled(_SCHEME).findall(upper)]
    scheme = next((one for one in found if one not in _WIDE_SCHEMES), found[0] if found else "")
    if scheme in _GGUF:
        return Bits(scheme, _gguf(scheme, is_large))
    if scheme in _OTHERS:
        return Bits(scheme, _OTHERS[scheme], scheme not in _KINDS)
    return _averaged(upper) or _grouped(upper)


def _averaged(upper: str) -> Bits | None:
    """EXL2 and EXL3, whose names say the bits of all that is quantised; the embeddings are left at 16."""
    match = _compiled(_AVERAGE).search(upper)
    bits = float(f"{match[1]}.{match[2] or 0}") if match is not None else 0.0
    if not 1 <= bits <= 16:
        return None
    kind = next((kind for kind in ("EXL2", "EXL3") if kind in upper), "")
    return Bits(f"{kind} {bits:g} bits".strip(), bits + _WIDE / 2 * (16 - bits) / 12)


def _gguf(scheme: str, is_large: bool) -> float:
    return _GGUF_LARGE.get(scheme, _GGUF[scheme]) if is_large else _GGUF[scheme]


def _grouped(upper: str) -> Bits | None:
    """GPTQ and AWQ: so many bits, and for each group of weights a scale of 16 bits and a zero of so many."""
    kind = next((kind for kind in ("GPTQ", "AWQ", "BNB", "EXL2", "EXL3", "HQQ") if kind in upper), "")
    match = _compiled(_GROUPED).search(upper)
    if match is None:
        return Bits(kind, _OTHERS[kind], False) if kind in _OTHERS else None
    bits, width = int(next(one for one in (match[1], *match.groups()[2:]) if one)), match[2]
    if kind not in ("GPTQ", "AWQ") and not width:
        # Scales of 16 bits and zeros, or as many, to each 64 weights or fewer
        return Bits(f"INT{bits}", bits + 0.5)
    # A group of -1, whose sign is a hyphen here, is all of a row.
    group = int(width or 128)
    each = (16 + bits) / group if group > 1 else 0.0
    return Bits(f"{kind or 'INT'} {bits} bit", bits + each + _WIDE * (16 - bits) / 12)


# What embeddings that are left at 16 bits add to each weight of a 4-bit model.
_WIDE: Final = 0.16


# ---- the weights -----------------------------------------------------------------------------------------------------


class Build(NamedTuple):
    """The weights of a record in one of the forms in which there are files of it.

    Attributes:
        quantization: such as `Q4_K_M`; empty where nobody says.
        size: bytes; None where a file's size is not stated.
        files: how many they are. name: of the first.
    """

    quantization: str
    size: int | None
    files: int
    name: str


_WEIGHTS: Final = (
    r"(?i)(?P<stem>.*?)(?:-(?P<part>[0-9]{5})-of-(?P<parts>[0-9]{5}))?"
    r"\.(?P<suffix>gguf|ggml|safetensors|bin|pt|pth|ckpt|onnx(?:[_.]data)?|h5|msgpack|npz|mlmodel|tflite|nemo)"
)
# The same weights once more, as diffusers and optimum call them.
_VARIANT: Final = r"(?i)[._](fp16|fp32|bf16|fp8|int8|uint8|quantized|q4f16|q4|q8|bnb4|non_ema|ema)$"
# Files that end as weights do and are none, or not all of them.
_NO_WEIGHTS: Final = (
    r"(?i)(?:training_args|optimizer|scheduler|rng_state|mmproj|imatrix|tokenizer|vocab|spiece|sentencepiece|adapter_)"
)


def builds(manifest: Record | None) -> list[Build]:
    """The forms in which a manifest has the weights: of GGUF each file, or all parts of one, is a form; of others all
    files of one kind are one, as a repository of several models in a pipeline needs all of them."""
    artifacts = None if manifest is None else manifest.get("artifacts")
    found: dict[tuple[str, ...], list[tuple[Mapping[str, Json], re.Match[str]]]] = {}
    seen: set[tuple[str, str]] = set()
    for artifact in artifacts if isinstance(artifacts, list) else ():
        if not isinstance(artifact, dict):
            continue
        path = re.split(r"[?#]", str(artifact.get("uri", "")), maxsplit=1)[0]
        name = path.rsplit("/", 1)[-1]
        match = _compiled(_WEIGHTS).fullmatch(name)
        if match is None or _compiled(_NO_WEIGHTS).search(name):
            continue
        # The same file in another place is loaded once
        digest = artifact.get("sha256")
        if isinstance(digest, str):
            if (name, digest) in seen:
                continue
            seen.add((name, digest))
        stem, suffix = match["stem"], match["suffix"].lower()
        said = _variant(artifact.get("quantization"))
        if suffix in ("gguf", "ggml"):
            key: tuple[str, ...] = (suffix, path[: len(path) - len(name)] + stem)
        else:
            variant = _compiled(_VARIANT).search(stem)
            form = "consolidated" if stem.lower().startswith("consolidated") else ""
            key = (suffix[:4], said, variant[1].lower() if variant else "", form)
        found.setdefault(key, []).append((artifact, match))
    return [_build(files) for files in found.values()]


def _build(files: list[tuple[Mapping[str, Json], re.Match[str]]]) -> Build:
    sizes = [artifact.get("size_bytes") for artifact, _ in files]
    stated = [size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and size > 0]
    # Of parts that are counted in their names all must be here.
    of_stems: dict[tuple[str, int], set[int]] = {}
    for _, match in files:
        if match["parts"] is not None:
            of_stems.setdefault((match["stem"], int(match["parts"])), set()).add(int(match["part"]))
    is_whole = len(stated) == len(sizes) and all(len(seen) >= parts for (_, parts), seen in of_stems.items())
    first, match = files[0]
    said = _variant(first.get("quantization"))
    scheme = bits_of(match["stem"])
    if scheme is not None and (not said or said.upper() in _KINDS):
        said = scheme.scheme
    return Build(said, sum(stated) if is_whole else None, len(files), match.string)


def _variant(value: Json) -> str:
    """A quantisation as text; empty where there is none."""
    if isinstance(value, dict):
        value = value.get("Other")
    return value if isinstance(value, str) else ""


# ---- the cache of the context ----------------------------------------------------------------------------------------

# Bytes of one value of a cache, by what llama.cpp calls its type (block sizes of ggml): keys and values may differ,
# `q8_0/q4_0`.
WIDTHS: Final[Mapping[str, float]] = {
    "f32": 4.0, "f16": 2.0, "bf16": 2.0, "fp8": 1.0, "q8_0": 34 / 32, "q6_0": 26 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32,
    "q4_1": 20 / 32, "q4_0": 18 / 32, "iq4_nl": 18 / 32,
}  # fmt: skip

CacheFrom: TypeAlias = Literal["stated", "formula", "none", "unknown"]


class Cache(NamedTuple):
    """What keys and values of so many tokens take.

    Attributes:
        source: `stated` where the manifest has the bytes of a token; `formula`, which is an upper bound, where it has
            layers and heads; `none` for what keeps no cache; `unknown`.
        size: bytes.
        token, constant: bytes that each token takes, and that are taken besides, at 16 bits a value.
        layers, kv_heads, head_dim: what the formula is made of: 2 x layers x heads x size of a head x 2 bytes.
        width: of its values, one of `WIDTHS` or two of them.
    """

    source: CacheFrom
    size: int = 0
    tokens: int = 0
    token: int = 0
    constant: int = 0
    layers: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    width: str = "f16"

    @property
    def plain(self) -> int:
        """What the plain formula says of layers and heads; 0 where they are not stated."""
        scale = width_of(self.width) or 2.0
        return round(2 * self.layers * self.kv_heads * self.head_dim * scale * self.tokens)


def width_of(name: str) -> float | None:
    """The bytes of a value of a cache of that type, on average over keys and values; None for a type that there is
    not."""
    parts = name.lower().split("/")
    if not 1 <= len(parts) <= 2 or any(part not in WIDTHS for part in parts):
        return None
    return sum(WIDTHS[part] for part in parts) / len(parts)


def cache_of(architecture: Json, tokens: int, width: str = "f16") -> Cache:
    """The cache of a context.

    Args:
        architecture: of a manifest, or null.
        width: a type that `width_of` knows.
    """
    if not isinstance(architecture, dict):
        return Cache("unknown", tokens=tokens, width=width)

    def number(name: str) -> int | None:
        value = architecture.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    layers, heads, size = (number(name) or 0 for name in ("layers", "kv_heads", "head_dim"))
    token, constant = number("kv_token_bytes"), number("kv_constant_bytes")
    source: CacheFrom = "stated"
    if token is None:
        token, source = 2 * layers * heads * size * 2, "formula"
        if not token:
            return Cache("unknown", tokens=tokens, width=width)
    at_16_bits = (constant or 0) + token * tokens
    scale = (width_of(width) or 2.0) / 2
    total = at_16_bits if scale == 1 else round(at_16_bits * scale)
    return Cache(source, total, tokens, token, constant or 0, layers, heads, size, width)


# ---- what a record needs ---------------------------------------------------------------------------------------------

# Beside weights and cache a run holds the runtime itself (a CUDA context takes some 0.3 GB) and buffers of what it is
# computing, which grow with the model: 5 % of the weights, and no less than 0.3 GB.
OVERHEAD_SHARE: Final = 0.05
OVERHEAD_LEAST: Final = 3 * 10**8

WeightsFrom: TypeAlias = Literal["files", "parameters", "unknown"]


class Need(NamedTuple):
    """What one form of a record needs.

    Attributes:
        quantization: of the form; empty where nobody says.
        weights: bytes; 0 where nothing tells them.
        weights_from: sizes of files, which are exact, or parameters x bits.
        file, files: the first file, and how many they are.
        parameters, bits: what the estimate of the weights is made of.
        cache: of the context.
        overhead: bytes.
        stated: bytes that the record's own least VRAM or memory leaves to a run, where these stand in for an
            architecture; else 0.
        stated_in: the field that says so.
        needs_gpu: the record's owner says that it does not run without.
        total: bytes.
        is_capped: the context is the longest that the model has, and shorter than what was asked for.
        remarks: codes of what is to be known of the number; `present.fit_words` says them.
    """

    quantization: str
    weights: int
    weights_from: WeightsFrom
    file: str
    files: int
    parameters: int
    bits: Bits | None
    cache: Cache
    overhead: int
    stated: int
    stated_in: str
    needs_gpu: bool
    total: int
    is_capped: bool
    remarks: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether there is a number at all."""
        return self.total > 0


# Types of model that keep a cache of keys and values; what the others keep counts as overhead.
_KEEP_CACHE: Final = frozenset(("LLM", "Multimodal"))
_DEFAULT_MEMORY_MB: Final = 1024


def needs(record: Record, manifest: Record | None, tokens: int = USUAL_CONTEXT, width: str = "f16") -> list[Need]:
    """What a model needs in each form that there is of it, the largest first; one without a number where nothing tells
    it. An agent has no need of its own: see `judge_agent`.

    Args:
        record: a plain model. manifest: what stands behind it.
        tokens: of context. width: of the values of its cache.
    """
    context, is_capped = _context(record, tokens)
    architecture = None if manifest is None else manifest.get("architecture")
    cache = cache_of(architecture, context, width)
    if cache.source == "unknown" and not _keeps_cache(record):
        cache = Cache("none", tokens=context, width=width)
    found = [_need(record, build, cache, is_capped) for build in builds(manifest) if build.size is not None]
    if not found:
        found = [_need(record, None, cache, is_capped)]
    return sorted(found, key=lambda need: (-need.total, need.quantization, need.file))


def least(found: Iterable[Need]) -> Need | None:
    """The form that needs least; None where nothing tells a number."""
    return min((need for need in found if need.is_known), key=lambda need: need.total, default=None)


# A record's part in the least need at the usual context, whatever stands behind it: bytes of weights by parameters x
# bits, bytes that its own least VRAM or memory leaves, whether it keeps a cache where nothing says what it takes, and
# tokens. A plain tuple, as it is kept with what else is derived of a record.
Asked: TypeAlias = tuple[int, int, bool, int]


def asked_of(record: Record) -> Asked:
    """The part of a model."""
    # As `needs` has it of a record without a manifest, of which nothing else is asked here: every record that arrives
    # comes by.
    _, _, weights = _estimated(record)
    stated, _ = _stated(_members(record.get("resource_requirements")))
    return weights, stated, _keeps_cache(record), _context(record, USUAL_CONTEXT)[0]


class Behind(NamedTuple):
    """A manifest's part in the least need.

    Attributes:
        weights: bytes of the smallest form that there are files of; None where no sizes are stated.
        token, constant: of the cache, at 16 bits a value; None where no architecture tells them.
    """

    weights: int | None = None
    token: int | None = None
    constant: int | None = None


def behind_of(manifest: Record) -> Behind:
    """The part of a manifest."""
    sizes = [build.size for build in builds(manifest) if build.size is not None]
    cache = cache_of(manifest.get("architecture"), 0)
    known = cache.source != "unknown"
    return Behind(min(sizes, default=None), cache.token if known else None, cache.constant if known else None)


def least_need(asked: Asked, behind: Behind) -> int | None:
    """The bytes that the smallest form needs at the usual context, as `least` of `needs`; None where nothing tells
    them."""
    weights, stated, keeps_cache, tokens = asked
    weights = weights if behind.weights is None else behind.weights
    is_unknown = behind.token is None and keeps_cache
    cache = 0 if behind.token is None else (behind.constant or 0) + behind.token * tokens
    counted = weights + cache + max(OVERHEAD_LEAST, round(weights * OVERHEAD_SHARE)) if weights else 0
    return max(counted, stated if is_unknown or not weights else 0) or None


def _need(record: Record, build: Build | None, cache: Cache, is_capped: bool) -> Need:
    kept = _members(record.get("resource_requirements"))
    remarks: list[str] = []
    bits: Bits | None = None
    source: WeightsFrom = "unknown"
    if build is not None and build.size is not None:
        parameters, weights, source = _parameters(record), build.size, "files"
        said = build.quantization or _variant(record.get("quantization"))
    else:
        parameters, bits, weights = _estimated(record)
        said = _variant(record.get("quantization")) if bits is None else bits.scheme
        if parameters and bits is not None:
            source = "parameters"
            if not bits.is_said:
                remarks.append("usual_bits")
    overhead = max(OVERHEAD_LEAST, round(weights * OVERHEAD_SHARE)) if weights else 0
    counted = weights + cache.size + overhead if weights else 0
    stated, stated_in = 0, ""
    if not weights:
        stated, stated_in = _stated(kept)
        code = "stated_all" if cache.source == "unknown" else "stated_weights"
        remarks.append(code if stated else "nothing")
    elif cache.source == "unknown":
        stated, stated_in = _stated(kept)
        if stated <= counted:
            # No more than what is counted already: it leaves nothing for a cache
            stated, stated_in = 0, ""
        remarks.append("stated" if stated else "no_cache")
    elif cache.source == "formula":
        remarks.append("bound")
    elif 0 < cache.plain < cache.size:
        remarks.append("short")
    return Need(
        quantization=said,
        weights=weights,
        weights_from=source,
        file="" if build is None else build.name,
        files=0 if build is None else build.files,
        parameters=parameters,
        bits=bits,
        cache=cache,
        overhead=overhead,
        stated=stated,
        stated_in=stated_in,
        needs_gpu=kept.get("requires_gpu") is True,
        total=max(counted, stated),
        is_capped=is_capped,
        remarks=tuple(remarks),
    )


def _context(record: Record, tokens: int) -> tuple[int, bool]:
    """So many tokens, or the longest context that the model has where that is shorter; and whether it is."""
    longest = record.get("context_length")
    if isinstance(longest, int) and 0 < longest < tokens:
        return longest, True
    return tokens, False


def _keeps_cache(record: Record) -> bool:
    return _variant(record.get("model_type")) in _KEEP_CACHE


def _parameters(record: Record) -> int:
    count = record.get("parameters")
    return count if isinstance(count, int) and count > 0 else 0


def _estimated(record: Record) -> tuple[int, Bits | None, int]:
    """Parameters, bits of a weight, and the bytes that these make; 0 where one of them is not known."""
    parameters, bits = _parameters(record), _bits_in(record)
    return parameters, bits, math.ceil(parameters * bits.bits / 8) if parameters and bits is not None else 0


def _members(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _bits_in(record: Record) -> Bits | None:
    """The bits of a weight: by the quantisation, and where that has schemes by the first tag or the name that says one;
    16 where there is none."""
    said = _variant(record.get("quantization"))
    count = record.get("parameters")
    parameters = count if isinstance(count, int) else 0
    if not said:
        return _UNSAID
    upper = said.upper()
    if upper in _KINDS:
        tags = record.get("tags")
        texts = [*(tags if isinstance(tags, list) else ()), record.get("name")]
        for text in texts:
            found = bits_of(str(text), parameters) if isinstance(text, str) else None
            if found is None or not (found.is_said or found.scheme == "BITNET"):
                continue
            # That it was made of 16 bits is no word of what it is stored in
            in_gguf = found.scheme in _GGUF or found.scheme in _IN_GGUF_TOO
            if in_gguf if upper == "GGUF" else found.scheme not in _GGUF and found.bits < 16:
                return found
        return Bits("Q4_K_M", _GGUF["Q4_K_M"], False) if upper == "GGUF" else Bits(upper, _OTHERS[upper], False)
    return bits_of(said, parameters)


_UNSAID: Final = Bits("FP16", 16.0, False)


def _stated(kept: Mapping[str, Json]) -> tuple[int, str]:
    """What the least VRAM or memory that a record states leaves to a run, in bytes, and the field; 0 where it has the
    usual default, which is what everybody has who said nothing.

    Who states 24 GB means a card that is sold as one of 24 GB, which has 24 x 10^9 bytes and more, or such a machine:
    with it the record runs, so that what is left to the system there is no part of its need.
    """
    vram, memory = kept.get("min_vram_gb"), kept.get("min_memory_mb")
    if kept.get("requires_gpu") is True and isinstance(vram, int) and vram > 0:
        return vram * GB - GPU_RESERVE, "min_vram_gb"
    if isinstance(memory, int) and memory > 0 and memory != _DEFAULT_MEMORY_MB:
        size = memory * GB // 1024
        return max(size - _ram_reserve(size), size // 2), "min_memory_mb"
    return 0, ""


# ---- machines --------------------------------------------------------------------------------------------------------


class Gpu(NamedTuple):
    """A graphics card: bytes of its own memory, and what is free of it, where that is known."""

    name: str
    total: int
    free: int | None = None


class Machine(NamedTuple):
    """What a model would run on. Bytes; None where it is not known.

    Attributes:
        name: what people call it.
        gpus: each card for itself.
        ram, ram_free: memory. With `unified` it is the GPU's too, and counted once.
        cores: of the CPU. disk_free: where the replica's folder lies.
        notes: what could not be told, a sentence each, safe to show.
    """

    name: str = ""
    gpus: tuple[Gpu, ...] = ()
    ram: int | None = None
    ram_free: int | None = None
    cores: int | None = None
    disk_free: int | None = None
    unified: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return bool(self.gpus) or self.ram is not None


# What is left to others: on a card the desktop and the driver; of memory the system and its programs, 2 GB or a tenth.
# Of unified memory macOS gives the GPU two thirds, above 36 GiB three quarters (`recommendedMaxWorkingSetSize`).
GPU_RESERVE: Final = 5 * 10**8
RAM_RESERVE_LEAST: Final = 2 * 10**9
RAM_RESERVE_SHARE: Final = 0.1
_UNIFIED_SMALL: Final = 36 * GIB
# Cards whose memory differs by less are equal: drivers keep a little of it.
_EQUAL: Final = 0.02


def gpu_room(gpu: Gpu) -> int:
    """What a card can give."""
    return max(0, gpu.total - GPU_RESERVE)


def ram_room(machine: Machine) -> int:
    """What memory can give a run on the CPU; 0 where it is not known."""
    if machine.ram is None:
        return 0
    return max(0, machine.ram - _ram_reserve(machine.ram))


def _ram_reserve(size: int) -> int:
    return max(RAM_RESERVE_LEAST, int(size * RAM_RESERVE_SHARE))


def unified_room(machine: Machine) -> int:
    """What a GPU may have of the memory that it shares."""
    if machine.ram is None or not machine.unified:
        return 0
    return machine.ram * 3 // 4 if machine.ram > _UNIFIED_SMALL else machine.ram * 2 // 3


class Room(NamedTuple):
    """A place that a model may run in.

    Attributes:
        where: `gpu`, `gpus` (so many equal ones), `unified`, `cpu`, or `offload`: cards and memory together.
        cards: how many. size: bytes that it can give.
    """

    where: Literal["gpu", "gpus", "unified", "cpu", "offload"]
    cards: int
    size: int


def rooms(machine: Machine) -> list[Room]:
    """The places that there are, the best first; that of all together last."""
    found: list[Room] = []
    sizes = sorted((gpu.total for gpu in machine.gpus), reverse=True)
    if machine.unified:
        found.append(Room("unified", 1, unified_room(machine)))
    if sizes:
        found.append(Room("gpu", 1, max(map(gpu_room, machine.gpus))))
    several: dict[int, int] = {}
    for place, size in enumerate(sizes):
        equal = [other for other in sizes[place:] if other >= size * (1 - _EQUAL)]
        for count in range(2, len(equal) + 1):
            several[count] = max(several.get(count, 0), count * max(0, equal[count - 1] - GPU_RESERVE))
    found += [Room("gpus", count, size) for count, size in sorted(several.items())]
    if machine.ram is not None:
        found.append(Room("cpu", 0, ram_room(machine)))
    if sizes and machine.ram is not None and not machine.unified:
        together = sum(map(gpu_room, machine.gpus)) + ram_room(machine)
        found.append(Room("offload", len(sizes), together))
    return found


class Limits(NamedTuple):
    """What a machine can take, in bytes: with a GPU, without one, and over both. By these alone a list is filtered."""

    gpu: int
    cpu: int
    offload: int


def limits(machine: Machine) -> Limits:
    """The most that a need may be for each verdict."""
    known = rooms(machine)
    return Limits(
        max((room.size for room in known if room.where in ("gpu", "gpus", "unified")), default=0),
        max((room.size for room in known if room.where == "cpu"), default=0),
        max((room.size for room in known if room.where == "offload"), default=0),
    )


def card(size: int) -> Machine:
    """A machine with one GPU of so many bytes, and nothing else that is known."""
    return Machine(gpus=(Gpu("", size),))


# ---- verdicts --------------------------------------------------------------------------------------------------------

Word: TypeAlias = Literal["runs", "offload", "no", "unknown"]
WORDS: Final[tuple[Word, ...]] = ("runs", "offload", "no", "unknown")


class Verdict(NamedTuple):
    """Whether a form of a model runs on a machine.

    Attributes:
        room: where it runs, or the largest place that there is; None where the machine has none.
        short: bytes that are missing, where it does not run.
        no_gpu: what is missing is a GPU.
        missing: codes of what was not stated, where the verdict is `unknown`.
    """

    word: Word
    need: Need
    room: Room | None = None
    short: int = 0
    no_gpu: bool = False
    missing: tuple[str, ...] = ()


def judge(need: Need, machine: Machine) -> Verdict:
    """The verdict on one form."""
    if not need.is_known:
        return Verdict("unknown", need, missing=_missing(need))
    if not machine.is_known:
        return Verdict("unknown", need, missing=("machine",))
    known = rooms(machine)
    allowed = [room for room in known if not (need.needs_gpu and room.where == "cpu")]
    for room in allowed:
        if room.size >= need.total:
            return Verdict("offload" if room.where == "offload" else "runs", need, room)
    largest = max(allowed, key=lambda room: room.size, default=None)
    if largest is None:
        return Verdict("no", need, None, 0, no_gpu=True)
    return Verdict("no", need, largest, need.total - largest.size)


def _missing(need: Need) -> tuple[str, ...]:
    lacking: list[str] = []
    if not need.weights:
        lacking.append("files")
        lacking += [] if need.parameters else ["parameters"]
        lacking += [] if need.bits is not None else ["bits"]
    if need.cache.source == "unknown":
        lacking.append("architecture")
    return tuple(lacking)


class Answer(NamedTuple):
    """The verdict on a record.

    Attributes:
        best: of the largest form that runs; else of one that runs on GPU and memory together; else of the smallest.
        each: the verdicts on all forms, the largest first.
    """

    best: Verdict
    each: tuple[Verdict, ...]


def judge_model(
    record: Record, manifest: Record | None, machine: Machine, tokens: int = USUAL_CONTEXT, width: str = "f16"
) -> Answer:
    """The verdict on a model, over the forms that there are of it."""
    each = tuple(judge(need, machine) for need in needs(record, manifest, tokens, width))
    for word in ("runs", "offload"):
        for verdict in each:
            if verdict.word == word:
                return Answer(verdict, each)
    return Answer(each[-1], each)


class Model(NamedTuple):
    """A model that an agent names.

    Attributes:
        relation: `required` or `preferred`.
        name: as it is called here, else empty. record: None where it is not here.
    """

    relation: Literal["required", "preferred"]
    id: str
    name: str = ""
    record: Record | None = None
    manifest: Record | None = None


class AgentAnswer(NamedTuple):
    """The verdict on an agent: it fits when one of its models does.

    Attributes:
        word: the best of its models' verdicts; `unknown` where it names none, or none that is here and says enough.
        best: which model, by its place in `models`; None where no model is here.
        models: each with its answer, None for one that is not here; required ones first.
        blocks: places of required models that do not run, or are not here: what it needs and cannot have.
    """

    word: Word
    best: int | None
    models: tuple[tuple[Model, Answer | None], ...]
    blocks: tuple[int, ...]


def judge_agent(
    models: Sequence[Model], machine: Machine, tokens: int = USUAL_CONTEXT, width: str = "f16"
) -> AgentAnswer:
    """The verdict on an agent by its models, as it names them."""
    ordered = sorted(models, key=lambda model: model.relation != "required")
    judged = tuple(
        (
            model,
            None if model.record is None else judge_model(model.record, model.manifest, machine, tokens, width),
        )
        for model in ordered
    )
    ranks = [(WORDS.index(answer.best.word), place) for place, (_, answer) in enumerate(judged) if answer is not None]
    rank, best = min(ranks, default=(WORDS.index("unknown"), -1))
    blocks = tuple(
        place
        for place, (model, answer) in enumerate(judged)
        if model.relation == "required" and (answer is None or answer.best.word == "no")
    )
    return AgentAnswer(WORDS[rank], None if best < 0 else best, judged, blocks)


# ---- sizes as people write them --------------------------------------------------------------------------------------

_SIZE: Final = r"(?i)([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(tib|tb|gib|gb|mib|mb|g|t)"
_FACTORS: Final = {
    "mb": 10**6, "gb": GB, "tb": 10**12, "mib": MIB, "gib": GIB, "tib": 2**40, "g": GB, "t": 10**12,
}  # fmt: skip


def parse_size(text: str) -> int:
    """The bytes that `24gb` (10^9) or `24gib` (2^30) means.

    Raises:
        ValueError: it is no size with its unit.
    """
    match = _compiled(_SIZE).fullmatch(text.strip())
    if match is None:
        raise ValueError("a size is a number and its unit, such as 24gb (10^9 bytes) or 24gib (2^30)")
    size = round(float(match[1]) * _FACTORS[match[2].lower()])
    if not size:
        raise ValueError("no machine has nothing: write more than 0")
    if size >= 2**62:
        raise ValueError("no machine has so much")
    return size
