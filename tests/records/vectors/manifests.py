"""How manifests.json beside this file was made, once: `python -m tests.records.vectors.manifests`. It must give the
same bytes again.

The encoder below was written from the page (protocol.md, Manifests) alone and shares nothing with the package: each
field is named here once more, in its order, with its type.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "manifests.json"
COUNT = 200
# Of so many the bytes themselves are kept, of the others their SHA3-256.
WHOLE = 20

Encode = Callable[[Any], bytes]


def text(value: str) -> bytes:
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def number(code: str) -> Encode:
    return lambda value: struct.pack("<" + code, value)


def perhaps(inner: Encode) -> Encode:
    return lambda value: b"\0" if value is None else b"\1" + inner(value)


def several(inner: Encode) -> Encode:
    return lambda value: struct.pack("<Q", len(value)) + b"".join(inner(item) for item in value)


def one_of(*names: str) -> Encode:
    def encode(value: Any) -> bytes:
        if isinstance(value, dict):
            return struct.pack("<I", len(names)) + text(value["Other"])
        return struct.pack("<I", names.index(value))

    return encode


def members(**fields: Encode) -> Encode:
    return lambda value: b"".join(encode(value[name]) for name, encode in fields.items())


QUANTIZATION = one_of("FP32", "FP16", "BF16", "INT8", "INT4", "GPTQ", "GGUF", "AWQ")
MANIFEST = members(
    manifest_id=text,
    owner_id=text,
    subject_id=text,
    subject_kind=one_of("Model", "Agent"),
    subject_name=text,
    status=one_of("Active", "Deprecated", "Withdrawn"),
    status_message=text,
    superseded_by=perhaps(text),
    artifacts=several(
        members(
            uri=text, media_type=text, sha256=perhaps(text), size_bytes=perhaps(number("Q")),
            quantization=perhaps(QUANTIZATION),
        )
    ),
    interfaces=several(members(url=text, protocol=one_of("A2A", "MCP", "OpenAI", "Ollama"), version=text)),
    derived_from=several(
        members(
            relation=one_of("Finetune", "Adapter", "Merge", "Quantized", "Distilled"), model_id=perhaps(text),
            name=text, sha256=perhaps(text),
        )
    ),
    required_models=several(text),
    architecture=perhaps(
        members(
            layers=number("I"), kv_heads=number("I"), head_dim=number("I"), experts=perhaps(number("I")),
            active_parameters=perhaps(number("Q")), kv_token_bytes=perhaps(number("I")),
            kv_constant_bytes=perhaps(number("Q")),
        )
    ),
    evaluations=several(members(benchmark=text, metric=text, value=text, source=text)),
    datasets=several(text),
    languages=several(text),
    repository_url=text,
    documentation_url=text,
    created_at=number("q"),
    updated_at=number("q"),
)  # fmt: skip


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """The canonical bytes of a manifest."""
    return MANIFEST(manifest)


# ---- manifests that keep the wire limits ---------------------------------------------------------------------------

_URIS = (
    "https://example.org/m/model.safetensors",
    "hf://org/model/model-00001-of-00002.safetensors",
    "ollama://registry.example/llama:8b",
    "oci://example.org/models/tiny:1",
    "weights/q4.gguf",
    "a,scheme:nobody-knows?[yet]=~",
    "!",
)
_WORDS = ("tiny", "llama", "ü é", "模型", "🤖", 'a "quoted" one', "tab\there", "\u2028", "x" * 40)


def made(rng: random.Random) -> dict[str, Any]:
    """A manifest within every wire limit, of an owner and a record that it names."""

    def maybe(value: Callable[[], Any]) -> Any:
        return value() if rng.random() < 0.5 else None

    def some(value: Callable[[], Any], most: int) -> list[Any]:
        return [value() for _ in range(rng.choice((0, 0, 1, 2, rng.randint(0, most))))]

    def digest() -> str:
        return rng.randbytes(32).hex()

    def either(*names: str) -> Any:
        return rng.choice((*names, {"Other": rng.choice(_WORDS)}))

    owner, kind = rng.randbytes(20).hex(), rng.choice(("Model", "Agent"))
    name, created = rng.choice(_WORDS), rng.choice((0, 1, 1_782_000_000, rng.randrange(2**36)))
    seconds = created.to_bytes(8, "big")
    subject = hashlib.sha3_256(b"\0".join((kind.lower().encode(), owner.encode(), name.encode(), seconds))).hexdigest()
    return {
        "manifest_id": hashlib.sha3_256(b"manifest\0" + subject.encode()).hexdigest(),
        "owner_id": owner,
        "subject_id": subject,
        "subject_kind": kind,
        "subject_name": name,
        "status": either("Active", "Deprecated", "Withdrawn"),
        "status_message": rng.choice(("", *_WORDS, "x" * 500)),
        "superseded_by": maybe(digest),
        "artifacts": some(
            lambda: {
                "uri": rng.choice(_URIS),
                "media_type": rng.choice(("", "application/octet-stream")),
                "sha256": maybe(digest),
                "size_bytes": maybe(lambda: rng.choice((0, 2**64 - 1, rng.randrange(2**40)))),
                "quantization": maybe(lambda: either("FP32", "FP16", "BF16", "INT8", "INT4", "GPTQ", "GGUF", "AWQ")),
            },
            6,
        ),
        "interfaces": some(
            lambda: {
                "url": rng.choice(_URIS),
                "protocol": either("A2A", "MCP", "OpenAI", "Ollama"),
                "version": rng.choice(("", "0.3", "2025-11-25")),
            },
            4,
        ),
        "derived_from": some(
            lambda: {
                "relation": either("Finetune", "Adapter", "Merge", "Quantized", "Distilled"),
                "model_id": maybe(digest),
                "name": rng.choice(("", *_WORDS)),
                "sha256": maybe(digest),
            },
            4,
        ),
        "required_models": some(digest, 4),
        "architecture": maybe(
            lambda: {
                "layers": rng.choice((0, 32, 2**32 - 1)),
                "kv_heads": rng.randrange(129),
                "head_dim": rng.choice((0, 64, 128)),
                "experts": maybe(lambda: rng.randrange(257)),
                "active_parameters": maybe(lambda: rng.randrange(2**64)),
                "kv_token_bytes": maybe(lambda: rng.randrange(2**32)),
                "kv_constant_bytes": maybe(lambda: rng.randrange(2**64)),
            }
        ),
        "evaluations": some(
            lambda: {
                "benchmark": rng.choice(_WORDS),
                "metric": rng.choice(("accuracy", "pass@1", "模")),
                "value": rng.choice(("0", "-0", "0.713", "-12.5", "999999999999999999.999999999999", "-1")),
                "source": rng.choice(("", _URIS[0])),
            },
            5,
        ),
        "datasets": some(lambda: rng.choice(_WORDS), 5),
        "languages": some(lambda: rng.choice(("en", "pt-BR", "zh-Hans", "x-klingon", "1", "a1b2c3d4-e5")), 5),
        "repository_url": rng.choice(("", _URIS[0])),
        "documentation_url": rng.choice(("", _URIS[0])),
        "created_at": created,
        "updated_at": rng.choice((created, created + rng.randrange(10**6), 253_402_300_799)),
    }


def vectors() -> list[dict[str, Any]]:
    """The frozen manifests, each with what its bytes are."""
    rng = random.Random(20_261_128)
    found = []
    for place in range(COUNT):
        manifest = made(rng)
        data = manifest_bytes(manifest)
        bytes_of = {"bincode_hex": data.hex()} if place < WHOLE else {}
        found.append({"json": manifest, "sha3_256_hex": hashlib.sha3_256(data).hexdigest(), **bytes_of})
    return found


def spelt() -> str:
    """The file: one manifest a line."""
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False, separators=(",", ":")) for vector in vectors())
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    HERE.write_text(spelt(), "utf-8")
