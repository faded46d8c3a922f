"""What people ask while they type: some hundreds of searches, the same at every run, by what they try."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice, pairwise

from tests.benchmarks.data import in_other_scripts, records, words

_COMMON = 12
_FILTERS = (
    "license:mit",
    "license:gpl",
    "tag:chat",
    "tag:code,math",
    "cap:vision",
    "kind:agent",
    "kind:model",
    "type:llm",
    "type:embedding",
    "quant:gguf",
    "framework:jax",
    "has:formfile",
    "-tag:chat",
    "-license:mit",
    "-kind:agent",
)
_RANGES = (
    "params:<=8b",
    "params:7b",
    "params:<20m",
    "params:>350b",
    "params:>420b",
    "params:1b..8b",
    "params:7.1b..7.11b",
    "ctx:>=32k",
    "ctx:1m",
    "vram:<24gb",
    "vram:>800",
    "mem:<=16gb",
    "mem:>700gb",
    "disk:<100gb",
    "disk:>850gb",
    "vcpus:<=8",
    "vcpus:>100",
    "vcpus:17",
    "tps:>50",
    "tps:>900",
    "tps:199",
    "updated:7d",
    "updated:2026-03",
    "updated:>2026-07-14",
    "created:<2025-08",
)
_SORTS = (
    "name",
    "-name",
    "updated",
    "-updated",
    "created",
    "-created",
    "params",
    "-params",
    "context",
    "-context",
    "fit",
)


def keystrokes() -> dict[str, list[str]]:
    """Queries by what they try, in the order in which they would be typed."""
    chance = random.Random(5)
    common = list(dict.fromkeys(islice(words(400, 7), 60)))[:_COMMON]
    rare = chance.sample(sorted(set(words(20_000, 8))), 12)
    names = [name for _, record in islice(records(400), 400) if (name := str(record["name"])).isascii()][::46]
    chinese, thai = (
        [name.rpartition("-")[0] for number in numbers if (found := in_other_scripts(number)) for name in found[:1]]
        for numbers in (range(4, 400, 48), range(17, 400, 96))
    )
    both = [*common, *rare]
    return {
        "a word, letter by letter": [begun for word in both for begun in _typed(word)],
        "a second word": [
            f"{first} {begun}" for first, second in zip(both, reversed(both), strict=True) for begun in _typed(second)
        ],
        "a name": [begun for name in names for begun in _typed(name)],
        "every word begun": [
            *(f"{one[:length]} {other[:length]}" for one, other in pairwise(both) for length in (1, 2, 3, 4)),
            *(
                f"{one[:2]} {other[:2]} {third[:2]}"
                for one, other, third in zip(both, both[3:], both[7:], strict=False)
            ),
            *(f"{one[:3]} {number}" for one, number in zip(both, ("1", "7", "12", "99", "123"), strict=False)),
        ],
        "a name, its words run together": [
            begun
            # More than of other kinds: what it takes depends on how common the parts of a name are.
            for _, record in islice(records(400), 0, 400, 9)
            if (name := str(record["name"])).isascii()
            for begun in list(_typed(name.rpartition("-")[0].replace("-", "")))[2:]
        ],
        "words side by side, and what is pasted": [
            *(f"{word[:cut]} {word[cut:]}" for word in both for cut in (2, 3, 5)),
            *(f"lab/{begun}" for name in names[:2] for begun in _typed(name)),
            *(f"https://huggingface.co/lab/{name}/tree/main" for name in names),
            *(f"hf.co/lab/{name}:Q4_K_M" for name in names),
            *(f"ollama run {name.rpartition('-')[0]}:7b" for name in names),
        ],
        "inside of words": [word[start : start + length] for word in both for start in (1, 2) for length in (3, 4, 5)],
        "a name without spaces, character by character": [
            begun for name in (*chinese, *thai) for begun in _typed(name)
        ],
        "without spaces, from the middle": [
            *(name[start : start + length] for name in (*chinese, *thai) for start in (1, 2) for length in (1, 2, 3)),
            *(f"{one[:2]} {other[-2:]}" for one, other in pairwise((*chinese, *thai))),
            *(f"{name[:2]} {term}" for name in (*chinese[:2], *thai[:2]) for term in _FILTERS[::3]),
            *(f'"{name}"' for name in (*chinese, *thai)),
            *(f"{name[:3]} {number}" for name in (*chinese[:3], *thai[:2]) for number in ("1", "7b", common[0][:3])),
        ],
        "by name, by version, words with a colon": [
            *(f"name:{begun}" for word in both[::4] for begun in _typed(word)),
            *(f"name:={name}" for name in names),
            *("version:0", "version:0.1", "version:0.1.0", "version:9", "version:0 tag:chat"),
            *(f"model:{name}" for name in names),
            # But those whose first word looks like a field: a search refuses them and asks which was meant.
            *(
                f"{name.partition('-')[0]}:{name.rpartition('-')[0].partition('-')[2]}"
                for name in names
                if not name.startswith("firo")
            ),
        ],
        "nothing found": [f"{word[:-1]}q{word[-1]}x" for word in both[::2]]
        + [f"{names[0]}x {word}" for word in both[::6]],
        "a phrase": [
            *(f'"{common[0]} {common[1]}"', f'"{common[1]} {common[0]}" {rare[0]}'),
            *(f'"{name.rpartition("-")[0]}"' for name in names),
        ],
        "either, and without": [
            *(f"{one} OR {other}" for one, other in zip(both, both[5:], strict=False)),
            *(f"{one} -{other}" for one, other in zip(both, both[3:], strict=False)),
            *(f"({one} OR {other}) tag:chat -license:mit" for one, other in zip(both, both[7:], strict=False)),
        ],
        "a filter": list(_FILTERS),
        "a range": list(_RANGES),
        "two filters": [f"{one} {other}" for one, other in _pairs(chance, (*_FILTERS, *_RANGES), 80)],
        "a word and a filter": [f"{word} {term}" for word in (*both[::3], "a", "de") for term in _FILTERS],
        "a word and a range": [f"{word} {term}" for word in (*both[::3], "a", "de") for term in _RANGES],
        "a word, two filters": [
            f"{chance.choice(both)} {one} {other}" for one, other in _pairs(chance, (*_FILTERS, *_RANGES), 60)
        ],
        "what fits": [
            *islice(_typed("fit:offload"), 3, None),
            *(f"fit:{size}gb" for size in (1, 2, 4, 8, 12, 24, 80, 640)),
            *(
                "fit:runs",
                "-fit:runs",
                "fit:no",
                "fit:unknown",
                "fit:runs,offload",
                "fit:24gb sort:-params",
                "fit:runs sort:-params",
                "fit:runs sort:-fit",
                "fit:1gb sort:-params",
            ),
            *(f"{word} {term}" for word in (*both[::4], "a") for term in ("fit:runs", "fit:4gb", "-fit:24gb")),
            *(f"{other} {term}" for other in (*_FILTERS[::2], *_RANGES[::3]) for term in ("fit:runs", "fit:offload")),
        ],
        "another order": [
            f"{text} sort:{order}".strip()
            for order in _SORTS
            for text in ("", common[0], rare[0], "tag:chat", "vcpus:>100", f"{common[2]} params:<20m")
        ],
    }


def of_manifests() -> dict[str, list[str]]:
    """The same where a tenth of the records is deprecated and a hundredth withdrawn."""
    common = list(dict.fromkeys(islice(words(400, 7), 60)))[:_COMMON]
    terms = (
        *("status:deprecated", "status:withdrawn", "status:withdrawn,deprecated", "status:frozen", "status:active"),
        *("-status:active", "-status:deprecated", "has:manifest", "-has:manifest"),
    )
    return {
        "status: a status, letter by letter": [*islice(_typed("status:deprecated"), 6, None), *terms],
        "status: a word and a status": [f"{word} {term}" for word in (*common[::2], "a", "de") for term in terms],
        "status: a filter and a status": [
            f"{term} {other}" for term in terms for other in (*_FILTERS[::2], *_RANGES[::3])
        ],
        "status: another order": [f"{term} sort:{order}" for order in _SORTS for term in terms],
    }


def _typed(text: str) -> Iterator[str]:
    """The text as it grows."""
    return (text[:length] for length in range(1, len(text) + 1))


def _pairs(chance: random.Random, terms: tuple[str, ...], count: int) -> Iterator[tuple[str, str]]:
    for _ in range(count):
        one, other = chance.sample(terms, 2)
        yield one, other
