"""What is derived from a record is the same to the byte, however it is found out: a replica makes it anew only when
`INDEX_VERSION` moves."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from tests.seeds import make_record
from tui_registry.errors import Json, Kind, Record
from tui_registry.replica.catalogue.derived import INDEX_VERSION, derive, is_made_up, vocabulary_of

# What the records below come to, with the version that says so. Where something is derived otherwise both move; a new
# field of a record, or a column, moves the digest alone.
_SAID = (4, "e5523733c217f08e")

# Of every rule that cuts, folds or compares: numbers and units, capitals inside, marks, scripts without spaces, accents
# alone and apart, letters that look like others, what a name claims, schemes of quantisation.
_PIECES = (
    *("Qwen2.5", "7B", "llama", "DeepSeek", "gpt-4o", "v1.5", "1-5", "x" * 45, "9" * 20, "1.2.3.4.5", "12abcdefghijkl"),
    *("C++", "c#", ".net", "ASP.NET", "+", "#", "a", "Z", "-", "_", "/", "(", ")", '"', ".", ",", "|", "\n", "\t", "~"),
    *("\u901a\u4e49\u5343\u95ee", "\u30e2\u30c7\u30eb", "\u0e01\u0e02\u0e04\u0e07", "\ubaa8\ub378", "\u4e2d"),
    *(
        "\u00e9",
        "e\u0301",
        "\u00c5ngstr\u00f6m",
        "\u0130stanbul",
        "stra\u00dfe",
        "\ufb01",
        "\u2460",
        "\u00b2",
        "\u2167",
    ),
    *("\u0391\u03ac\u03b3", "\u0401\u043b\u043a\u0430", "\u0439", "\u0142\u00d8", "\uff11\uff12", "\uff21\uff22"),
    *("\u0627\u0644\u0639", "\u092e\u0949\u0921\u0932", "\u200b", "\u00ad", "\ufeff", "\u3164", "\u2713", "\u2122"),
    *("rn", "vv", "Il1|", "O0o", "signed by", "Verified-by", "key which you", "your key", "[verified]", "0xabcdabcd"),
    *("GGUF", "Q4_K_M", "IQ2_XXS", "4-bit-128g", "W4A16", "4.65bpw", "int8", "BitNet", "ternary", "AWQ", "fp16"),
)


def test_what_is_derived_from_a_record_is_what_it_was() -> None:
    chance = random.Random(1)
    digest = hashlib.sha256()
    for kind, record in _records(chance, 400):
        found = derive(kind, record)
        learnt = vocabulary_of([found.words])
        digest.update(repr((tuple(found), sorted(learnt.words), sorted(learnt.name_words))).encode())
    assert (INDEX_VERSION, digest.hexdigest()[:16]) == _SAID


def test_every_beginning_of_a_made_up_word_is_known_as_one() -> None:
    for kind, record in _records(random.Random(2), 60):
        for word in derive(kind, record).words[-1].split():
            assert all(is_made_up(word[:length]) for length in range(1, len(word) + 1)), word


def _records(chance: random.Random, count: int) -> Iterator[tuple[Kind, Record]]:
    for number in range(count):
        kind: Kind = "agent" if number % 4 == 3 else "model"
        record = make_record(
            kind,
            _text(chance, 6) or "x",
            description=_text(chance, 24),
            version=_one(chance, "0.1.0", "v1.2.3-beta+7", "1.0", "V2", _text(chance, 3)),
            license=_one(chance, "MIT", "Apache-2.0", _text(chance, 3)),
            framework=_one(chance, "PyTorch", "ONNX", {"Other": _text(chance, 3)}),
            tags=_texts(chance, 4),
            capabilities=[*_texts(chance, 4), _one(chance, "chat", "y" * 70, "two\nlines")],
            formfile_template=_one(chance, "", " ", "FORM x"),
            created_at=_below(chance, 2**33),
            updated_at=_below(chance, 2**33),
            owner_id=f"{_below(chance, 2**53):040x}",
        )
        needs = record["resource_requirements"]
        assert isinstance(needs, dict)
        for name, stated in needs.items():
            needs[name] = _one(chance, stated, stated, _number(chance) if type(stated) is not bool else not stated)
        if kind == "agent":
            named = [f"{_below(chance, 2**53):064x}", "abc", _text(chance, 2)]
            record |= {"tools": _texts(chance, 3), "preferred_models": [*named[: _below(chance, 4)]]}
        else:
            record |= {
                "model_type": _one(chance, "LLM", "Multimodal", "Embedding", {"Other": _text(chance, 2)}),
                "parameters": _number(chance),
                "context_length": _one(chance, None, _number(chance)),
                "output_tokens_per_second": _one(chance, None, _number(chance)),
                "quantization": _one(chance, None, "GGUF", "AWQ", "BF16", "INT8", {"Other": _text(chance, 2)}),
            }
        yield kind, record


# Of `random` only this much stays the same from one Python to the next.
def _below(chance: random.Random, most: int) -> int:
    return int(chance.random() * most)


def _one(chance: random.Random, *values: Json) -> Json:
    return values[_below(chance, len(values))]


def _text(chance: random.Random, most: int) -> str:
    pieces = [_PIECES[_below(chance, len(_PIECES))] for _ in range(_below(chance, most))]
    return "".join([piece + ("", " ", "-")[_below(chance, 3)] for piece in pieces])


def _texts(chance: random.Random, most: int) -> list[Json]:
    return [_text(chance, 3) for _ in range(_below(chance, most))]


def _number(chance: random.Random) -> int:
    return (0, 1, 1024, _below(chance, 100), 2 ** _below(chance, 64))[_below(chance, 5)]
