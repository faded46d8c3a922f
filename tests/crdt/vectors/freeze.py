"""How ops.json beside this file was made, once: `python -m tests.crdt.vectors.freeze`. It must give the same bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.crdt import model
from tests.crdt.model import Fact
from tui_registry.crdt.keys import Identity
from tui_registry.errors import Json, Kind, Record
from tui_registry.records.schema import defaults

CREATED = 1_782_000_000
SECRETS = {name: hashlib.sha256(b"frozen " + name.encode()).digest() for name in ("ada", "bob")}


def vectors() -> list[dict[str, Any]]:
    """Two owners' histories: roots, renames, forks, merges, removals, registrations again, and a chain over a fork."""
    made: list[dict[str, Any]] = []
    facts: dict[str, Fact] = {}

    def freeze(name: str, who: str, tree: Any) -> str:
        body = model.spell(tree)
        fact = model.judge(body)
        assert isinstance(fact, Fact), fact
        if fact.is_rm:
            fact = fact._replace(created_at=facts[fact.children[0]].created_at)
        facts[fact.hash] = fact
        made.append(
            {
                "name": name, "private_key_hex": SECRETS[who].hex(), "address": fact.owner, "kind": fact.kind,
                "key": fact.key, "is_rm": fact.is_rm, "hash": fact.hash, "children": list(fact.children),
                "clock": fact.clock, "created_at": fact.created_at, "updated_at": fact.updated_at,
                "body": body.decode(),
            }
        )  # fmt: skip
        return fact.hash

    def up(name: str, who: str, record: Record, *children: str, counter: int = 1) -> str:
        kind: Kind = "model" if "model_id" in record else "agent"
        clock = 1 + max([0, *(facts[child].clock for child in children)])
        return freeze(name, who, model.up_tree(key(who), kind, record, children, clock, counter=counter))

    def rm(name: str, who: str, later: int, *children: str) -> str:
        first = facts[children[0]]
        clock = 1 + max(facts[child].clock for child in children)
        tree = model.rm_tree(key(who), first.kind, first.key, children, clock, CREATED + later)
        return freeze(name, who, tree)

    plain = fresh("model", "ada", "qwen-mini")
    root = up("model-root-all-defaults", "ada", plain)
    renamed = up("model-renamed-every-field-set", "ada", changed(plain, 60, full_model()), root, counter=2)
    left = up("model-fork-left", "ada", changed(plain, 61, {"description": "left"}), renamed, counter=3)
    right = up("model-fork-right", "ada", changed(plain, 61, {"description": "right"}), renamed, counter=3)
    merged = up("model-merge", "ada", changed(plain, 62, {"description": "merged"}), left, right, counter=4)
    gone = rm("model-removed", "ada", 63, merged)
    again = up("model-registered-again", "ada", changed(plain, 64, {"version": "2.0.0"}), gone, counter=5)
    rm("model-removed-concurrently-with-a-fork", "ada", 65, again, right)
    hard = fresh("model", "bob", 'quotes " \\ / control \x01\x1f\b\f\n\r\t del \x7f ü 漢 🤖 \u2028')
    up("model-name-of-hard-characters", "bob", hard, counter=2**63 - 1)
    bare = fresh("agent", "bob", "planner")
    agent = up("agent-root-all-defaults", "bob", bare)
    fork = [
        up(f"agent-fork-{n}", "bob", changed(bare, 60, {"description": f"fork {n}"}), agent, counter=2)
        for n in range(17)
    ]
    fork.sort()
    link = up("agent-chain-first-16-of-17", "bob", changed(bare, 61, full_agent()), *fork[:16], counter=3)
    last = up("agent-chain-the-rest", "bob", changed(bare, 61, full_agent()), link, fork[16], counter=4)
    rm("agent-removed", "bob", 62, last)
    return made


def key(who: str) -> Identity:
    return Identity(SECRETS[who])


def fresh(kind: Kind, who: str, name: str) -> Record:
    record = defaults(kind)
    owner = key(who).address
    record.update(name=name, owner_id=owner, created_at=CREATED, updated_at=CREATED)
    record[model.ID[kind]] = model.derived_id(kind, owner, name, CREATED)
    return record


def changed(record: Record, later: int, fields: dict[str, Json]) -> Record:
    return {**record, "updated_at": CREATED + later, **fields}


def full_model() -> dict[str, Json]:
    return {
        "name": "Qwen mini (renamed)", "version": "1.2.3-rc.1+b5", "description": "Ein kleines Modell, 小",
        "license": "Apache-2.0 OR MIT", "model_type": {"Other": "reranker"}, "framework": "JAX",
        "parameters": 2**64 - 1, "quantization": {"Other": "Q5_K_M"}, "context_length": 2**32 - 1,
        "input_tokens_per_second": 0, "output_tokens_per_second": 41, "tags": ["chat", "Größe"],
        "formfile_template": "FROM python:3.12\nRUN echo \"hi\"\n",
        "resource_requirements": {
            "min_vcpus": 255, "recommended_vcpus": 0, "min_memory_mb": 2**64 - 1, "recommended_memory_mb": 0,
            "min_disk_gb": 1, "recommended_disk_gb": 2, "requires_gpu": True, "min_vram_gb": 2**63,
            "cuda_cores": 10752, "tensor_cores": 336,
        },
        "capabilities": ["vision", "tools"],
    }  # fmt: skip


def full_agent() -> dict[str, Json]:
    return {
        "agent_type": "Researcher", "framework": {"Other": "smolagents"},
        "compatible_model_types": ["LLM", "Multimodal", {"Other": "x"}], "preferred_models": ["ab" * 32],
        "tags": ["research"], "capabilities": ["search"], "tools": ["browser", "shell"],
    }  # fmt: skip


if __name__ == "__main__":
    path = Path(__file__).with_name("ops.json")
    path.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", "utf-8")
