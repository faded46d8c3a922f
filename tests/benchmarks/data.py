"""Realistic ops, built once and deterministically: Zipf-distributed words, a real tag vocabulary, the sizes that models
are published in, a few owners."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import random
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from tests.seeds import NOW, make_record, owner
from tui_registry.crdt import Identity, sign_up
from tui_registry.errors import Json, Kind, Record
from tui_registry.records import defaults, derive_id, derive_manifest_id
from tui_registry.records.schema import ID_FIELD

DATA = Path(__file__).parent / "data"
_OWNERS = 50
_TAGS = [
    *("chat", "code", "vision", "audio", "speech", "embedding", "retrieval", "agents", "tool-use", "math", "reasoning"),
    *("multilingual", "english", "german", "french", "chinese", "japanese", "medical", "legal", "finance", "safety"),
    *("translation", "summarization", "classification", "small-model", "edge"),
]
_SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "il", "on", "ur")]
_LICENCES = ("Apache-2.0", "MIT", "BSD-3-Clause", "GPL-3.0-only", "LicenseRef-Llama-3.1", "CC-BY-4.0")
_BILLIONS = (0.02, 0.1, 0.3, 0.5, 1, 1.5, 3, 7, 8, 13, 32, 70, 235, 405)
_CONTEXTS = (None, 512, 2048, 4096, 8192, 32_768, 131_072, 1_048_576)
_SAMPLE = 64
# One in so many records is named and described without spaces between words, in the characters of the script.
_CHINESE, _THAI = 12, 48
_SCRIPTS = {
    _CHINESE: (
        "通义千问文心言书生浦语智谱清百川模型对话聊天代码数学视觉音频翻译摘要中英文大小深度求索盘古混元星火日月光明知识图谱"
        "问答推理检索生成语言学习训练微调量化指令安全医疗法律金融教育工具长上下开源社区北京上海天地人和"
    ),
    _THAI: "กขคงจชซญดตถทธนบปผพฟภมยรลวศษสหอะาิีุูเแโใไ่้",
}


def op_lines(count: int, manifests: int = 0) -> list[bytes]:
    """The bytes of `count` root ops; kept under `data/`, so that only the first run pays for signing them.

    Args:
        manifests: so many in a hundred of them are manifests, each behind its record; at most 50.
    """
    sample = hashlib.sha256(b"\n".join(_make(_SAMPLE, manifests))).hexdigest()
    what = f"ops-{count}-with-{manifests}" if manifests else f"ops-{count}"
    path = DATA / f"{what}-{sample[:12]}.ndjson"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        for outdated in DATA.glob(f"{what}-{'?' * 12}.ndjson"):
            outdated.unlink()
        draft = path.with_suffix(".part")
        with draft.open("wb") as file:
            for number, line in enumerate(_make(count, manifests)):
                file.write(line + b"\n")
                if number % 10_000 == 0:
                    print(f"\rsigning {number:,} of {count:,}", end="", file=sys.stderr)
        print(file=sys.stderr)
        draft.rename(path)
    return path.read_bytes().splitlines()


def words(count: int, seed: int) -> Iterator[str]:
    """Words of a vocabulary of 20,000, Zipf-distributed."""
    chance = random.Random(seed)
    vocabulary = [
        "".join(letters)
        for letters in itertools.islice(itertools.product(_SYLLABLES, _SYLLABLES, _SYLLABLES[:3]), 20_000)
    ]
    chance.shuffle(vocabulary)
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(vocabulary))))
    for _ in range(count):
        yield vocabulary[bisect.bisect(weights, chance.random() * weights[-1]) % len(vocabulary)]


@cache
def words_in(script: int) -> list[str]:
    """The words of a script without spaces, the most frequent first: 2,000 of two to four characters."""
    chance = random.Random(script)
    letters = _SCRIPTS[script]
    return ["".join(chance.choices(letters, k=chance.choice((2, 2, 2, 3, 4)))) for _ in range(2_000)]


def _written_together(script: int, number: int, count: int) -> str:
    chance = random.Random(number)
    known = words_in(script)
    # Each twice as rare as one of half its rank, as the other words are.
    return "".join(known[int(len(known) ** chance.random()) - 1] for _ in range(count))


def in_other_scripts(number: int) -> tuple[str, str] | None:
    """Name and description of the record of this number, where they are written without spaces."""
    if number % _CHINESE == _CHINESE // 3:
        return f"{_written_together(_CHINESE, number, 2)}-{number}", _written_together(_CHINESE, -number, 24)
    if number % _THAI == _THAI // 3 + 1:
        return f"{_written_together(_THAI, number, 3)}-{number}", _written_together(_THAI, -number, 30)
    return None


def records(count: int) -> Iterator[tuple[Kind, Record]]:
    """`count` plain records of a few owners, complete but for a signature; one in six an agent."""
    chance, sizes = random.Random(1), random.Random(3)
    owners = [identity.address for identity in _owners()]
    stream = words(count * 40, 2)
    for number in range(count):
        kind: Kind = "agent" if number % 6 == 5 else "model"
        first, second, *rest = itertools.islice(stream, 40)
        spaced = f"{first}-{second}-{number}", " ".join(rest[: chance.randrange(8, 38)])
        name, description = in_other_scripts(number) or spaced
        record = make_record(
            kind,
            name,
            description=description,
            license=chance.choice(_LICENCES),
            tags=[*chance.sample(_TAGS, chance.randrange(1, 5))],
            capabilities=[*chance.sample(_TAGS, chance.randrange(0, 3))],
        )
        if kind == "model":
            record["quantization"] = chance.choice((None, "BF16", "FP16", "GGUF", "AWQ"))
            record.update(_numbers(sizes))
        record["owner_id"] = address = chance.choice(owners)
        record["created_at"] = record["updated_at"] = at = NOW - 86_400 - chance.randrange(3 * 10**7)
        record[ID_FIELD[kind]] = derive_id(kind, address, str(record["name"]), at)
        yield kind, record


def _numbers(chance: random.Random) -> Record:
    """How large a model is and what it needs: common sizes often, none stated at times, some far out."""
    billions = chance.choice(_BILLIONS) * chance.uniform(0.9, 1.1)
    gigabytes = max(1, round(billions * 2))
    needs: Record = {
        **_least_needs(),
        "min_vcpus": min(128, max(1, gigabytes // 8)),
        "recommended_vcpus": 128,
        "min_memory_mb": 1024 * gigabytes,
        "recommended_memory_mb": 2048 * gigabytes,
        "min_disk_gb": gigabytes + 5,
        "recommended_disk_gb": 2 * gigabytes + 10,
    }
    if billions > 1:
        needs |= {"requires_gpu": True, "min_vram_gb": gigabytes}
    speed: Json = chance.choice((None, round(2000 / gigabytes), chance.randrange(1, 200)))
    return {
        "parameters": 0 if chance.random() < 0.05 else round(billions * 10**9),
        "context_length": chance.choice(_CONTEXTS),
        "output_tokens_per_second": speed,
        "resource_requirements": needs,
    }


@lru_cache
def _least_needs() -> Record:
    needs = defaults("model")["resource_requirements"]
    assert isinstance(needs, dict)
    return needs


def _owners() -> list[Identity]:
    return [owner(f"bench {number}") for number in range(_OWNERS)]


def _make(count: int, manifests: int) -> Iterator[bytes]:
    owners = {identity.address: identity for identity in _owners()}
    made = behind = 0
    for kind, record in records(count):
        identity = owners[str(record["owner_id"])]
        yield sign_up(identity, kind, record).to_json()
        made += 1
        if made < count and (behind + 1) * 100 <= manifests * (made + 1):
            yield sign_up(identity, "manifest", _manifest_of(kind, record, made)).to_json()
            made, behind = made + 1, behind + 1
        if made == count:
            return


def _manifest_of(kind: Kind, record: Record, number: int) -> Record:
    """What an importer finds of a model: its files with their digests, what it was made from, how it is built."""
    chance = random.Random(number)
    identifier, name = str(record[ID_FIELD[kind]]), str(record["name"])
    files: list[Json] = [
        {
            "uri": f"model-{part:05}-of-00004.safetensors",
            "media_type": "",
            "sha256": chance.randbytes(32).hex(),
            "size_bytes": chance.randrange(10**9, 5 * 10**9),
            "quantization": None,
        }
        for part in range(1, 1 + chance.choice((1, 1, 2, 4)))
    ]
    base: Json = {"relation": "Finetune", "model_id": None, "name": f"org/{name[:20]}-base", "sha256": None}
    score: Json = {"benchmark": "MMLU", "metric": "acc", "value": f"0.{chance.randrange(100, 999)}", "source": ""}
    return {
        **defaults("manifest"),
        "manifest_id": derive_manifest_id(identifier),
        "owner_id": record["owner_id"],
        "subject_id": identifier,
        "subject_kind": kind.capitalize(),
        "subject_name": name,
        "status": "Deprecated" if number % 10 == 0 else "Active",
        "artifacts": files,
        "derived_from": [base],
        "evaluations": [score],
        "languages": ["en", "de"],
        "repository_url": f"https://example.org/models/{number}",
        "created_at": record["created_at"],
        "updated_at": record["updated_at"],
    }
