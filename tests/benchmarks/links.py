"""What records are to one another, at 10^4, 10^5 and 10^6 records: `python -m tests.benchmarks.links [SIZE ...]` prints
one Markdown table of look-ups, names and the keystrokes of `needs:`, `from:`, `eval:` and `is:orphaned`.

Each agent prefers and needs models, each third model was made from one; a few models are named by a tenth of all.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.data import DATA, records
from tests.benchmarks.large import unsigned_manifest, unsigned_op, write
from tests.seeds import NOW
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import Json, Kind, Record
from tui_registry.records.schema import ID_FIELD

_BATCH = 10_000
_ASKED = 200
_WINDOW = 100
_T = TypeVar("_T")


def linked_replica(count: int) -> Path:
    """The directory of a replica with `count` records that name one another; made once, see `large.large_replica`."""
    folder = DATA / f"links-{count}"
    complete = folder / "complete"
    wanted = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if complete.exists() and complete.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        stream, done = _linked(count), 0
        while batch := list(islice(stream, _BATCH)):
            write(datastore, [unsigned_op(kind, record) for kind, record, _ in batch])
            behind = [unsigned_manifest(kind, record, said) for kind, record, said in batch if said]
            write(datastore, behind)
            done += len(batch)
            print(f"\r{done:,} of {count:,}, {time.monotonic() - began:,.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    complete.write_text(wanted)
    return folder


def _linked(count: int) -> Iterator[tuple[Kind, Record, Record]]:
    """Records, each with what its manifest says; empty where it has none."""
    chance = random.Random(5)
    models: list[str] = []
    for kind, record in records(count):
        said: Record = {}
        if kind == "agent" and models:
            record["preferred_models"] = [*dict.fromkeys(_some(chance, models, 3))]
            if chance.random() < 0.5:
                said = {"required_models": [*_some(chance, models, 1)]}
        elif kind == "model":
            if models and chance.random() < 0.3:
                base: Json = {"relation": "Finetune", "model_id": _one(chance, models), "name": "base", "sha256": None}
                value = f"0.{chance.randrange(100, 999)}"
                score: Json = {"benchmark": "MMLU", "metric": "acc", "value": value, "source": ""}
                said = {"derived_from": [base], "evaluations": [score]}
            models.append(str(record[ID_FIELD[kind]]))
        yield kind, record, said


def _some(chance: random.Random, models: Sequence[str], most: int) -> Iterator[Json]:
    return (_one(chance, models) for _ in range(chance.randrange(1, most + 1)))


def _one(chance: random.Random, models: Sequence[str]) -> str:
    if chance.random() < 0.1:
        return models[min(len(models) - 1, chance.randrange(3))]
    # One in fifty was never here.
    return chance.choice(models) if chance.random() < 0.98 else f"{chance.getrandbits(256):064x}"


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    sizes: list[int] = parser.parse_args().sizes
    measured = [_measure(linked_replica(size)) for size in sizes]
    print(f"| ms: middle / 95 % / most | {' | '.join(f'{size:,}' for size in sizes)} |")
    print(f"| --- | {' | '.join('---:' for _ in sizes)} |")
    for what in measured[0]:
        print(f"| {what} | {' | '.join(_parts(found[what]) for found in measured)} |")


def _measure(folder: Path) -> dict[str, list[float]]:
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        rows = datastore.search("sort:-updated", limit=_ASKED).rows
        models = [row for row in rows if row.kind == "model"]
        agents = datastore.search("kind:agent", limit=_ASKED).rows
        # The first models are named by a tenth of all: `sort:created` does not find them, so by who is named most.
        hub = max(models, key=lambda row: datastore.links.affected(row.id).prefers.total).id
        for row in agents:
            for end in datastore.links.prefers(row.id).rows:
                if end.presence == "live" and datastore.links.affected(end.id, 0).prefers.total > 900:
                    hub = end.id
        links = datastore.links
        names = [row.name for row in rows]

        def found(text: str) -> object:
            return datastore.search(text, limit=_WINDOW)

        return {
            "who names a model": _each(models, lambda row: links.affected(row.id)),
            "who names one that a tenth of all name": _each([hub] * 20, links.affected),
            "what an agent names": _each(agents, lambda row: (links.needs(row.id), links.prefers(row.id))),
            "a tree of what an agent stands on": _each(agents, lambda row: links.walk(row.id, "lineage", 6, 60)),
            "a tree of what stands on a model": _each(models, lambda row: links.walk(row.id, "dependants", 6, 60)),
            "a name": _each(names, lambda name: datastore.find(name)),
            "a name that nobody has": _each(names, lambda name: _missed(datastore, f"{name}-no")),
            "names that begin so": _each(names, lambda name: datastore.beginning(name[:3])),
            "keystroke: needs:NAME": _each([f"needs:{row.name}" for row in models], found),
            "keystroke: needs:ID of the one that many need": _each([f"needs:{hub}"] * 20, found),
            "keystroke: from:NAME": _each([f"from:{row.name}" for row in models], found),
            "keystroke: from:ID, and a word": _each([f"from:{hub} {word}" for word in ("de", "a", "chat")] * 5, found),
            "keystroke: eval:MMLU": _each(["eval:MMLU"] * 20, found),
            "keystroke: eval:MMLU>=x": _each([f"eval:MMLU>=0.{part}" for part in (1, 5, 9, 95, 998)] * 5, found),
            "keystroke: is:orphaned": _each(["is:orphaned", "is:orphaned kind:agent", "-is:orphaned"] * 7, found),
            "keystroke: the same in another order, and with other terms": _each(
                [
                    f"{stated} {other}"
                    for stated in ("eval:MMLU>=0.5", "eval:MMLU>=0.9", "is:orphaned")
                    for other in ("sort:name", "sort:-params", "sort:updated", "license:mit", "tag:chat", "de")
                ],
                found,
            ),
        }


def _missed(datastore: Datastore, name: str) -> None:
    try:
        datastore.find(name)
    except StoreError:
        return


def _each(items: Sequence[_T], work: Callable[[_T], object]) -> list[float]:
    times = []
    for item in items:
        began = time.perf_counter()
        work(item)
        times.append(time.perf_counter() - began)
    return times


def _parts(times: Sequence[float]) -> str:
    ordered = sorted(times)
    middle, far = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
    return " / ".join(f"{1000 * part:,.1f}" for part in (middle, far, ordered[-1]))


if __name__ == "__main__":
    main()
