"""Realistic ops, built once and deterministically: Zipf-distributed words, a real tag vocabulary, a few owners."""

from __future__ import annotations

import bisect
import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.seeds import NOW, make_record, owner
from tui_registry.crdt import Identity, sign_up
from tui_registry.errors import Kind, Record
from tui_registry.records import derive_id
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


def op_lines(count: int) -> list[bytes]:
    """The bytes of `count` root ops; kept under `data/`, so that only the first run pays for signing them."""
    path = DATA / f"ops-{count}.ndjson"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        draft = path.with_suffix(".part")
        with draft.open("wb") as file:
            for number, line in enumerate(_make(count)):
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


def records(count: int) -> Iterator[tuple[Kind, Record]]:
    """`count` plain records of a few owners, complete but for a signature; one in six an agent."""
    chance = random.Random(1)
    owners = [identity.address for identity in _owners()]
    stream = words(count * 40, 2)
    for number in range(count):
        kind: Kind = "agent" if number % 6 == 5 else "model"
        first, second, *rest = itertools.islice(stream, 40)
        record = make_record(
            kind,
            f"{first}-{second}-{number}",
            description=" ".join(rest[: chance.randrange(8, 38)]),
            license=chance.choice(_LICENCES),
            tags=[*chance.sample(_TAGS, chance.randrange(1, 5))],
            capabilities=[*chance.sample(_TAGS, chance.randrange(0, 3))],
        )
        if kind == "model":
            record["parameters"] = chance.randrange(10**7, 10**11)
            record["quantization"] = chance.choice((None, "BF16", "FP16", "GGUF", "AWQ"))
        record["owner_id"] = address = chance.choice(owners)
        record["created_at"] = record["updated_at"] = at = NOW - 86_400 - chance.randrange(3 * 10**7)
        record[ID_FIELD[kind]] = derive_id(kind, address, str(record["name"]), at)
        yield kind, record


def _owners() -> list[Identity]:
    return [owner(f"bench {number}") for number in range(_OWNERS)]


def _make(count: int) -> Iterator[bytes]:
    owners = {identity.address: identity for identity in _owners()}
    for kind, record in records(count):
        yield sign_up(owners[str(record["owner_id"])], kind, record).to_json()
