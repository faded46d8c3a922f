"""`lineage` and `dependants`, and what commands say of who is affected."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli


def register(cli: Cli, tmp_path: Path, kind: str, name: str, **fields: object) -> str:
    (tmp_path / f"{name}.json").write_text(json.dumps({"name": name, **fields}))
    return str(cli("register", kind, f"{name}.json", "--json").json["id"])


def test_who_is_affected_is_told_and_a_tree_shows_it(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 1, "context_length": 1}
    base = register(cli, tmp_path, "model", "base", license="CC-BY-NC-4.0", **size)
    made = {"derived_from": [{"relation": "Finetune", "model_id": base}, {"relation": "Merge", "name": "org/other"}]}
    tuned = register(cli, tmp_path, "model", "tuned", license="MIT", manifest=made, **size)
    crew = register(cli, tmp_path, "agent", "crew", preferred_models=[base], manifest={"required_models": [tuned]})

    tree = cli("lineage", crew).out.splitlines()
    assert [line.partition(":")[0] for line in tree[1:]] == [
        "├─ needs", "│  ├─ fine-tuned from", "│  └─ merged from", "└─ prefers", "! tuned (MIT) was made from base (CC-BY-NC-4.0)",
    ]  # fmt: skip
    assert "org/other (not here)" in tree[3]
    told = cli("lineage", crew, "--json").json
    assert [clash["id"] for clash in told["clashes"]] == [tuned]
    assert cli("lineage", crew, "--depth", "1", "--json").json["deeper"] is True

    up = cli("dependants", base, "--json").json
    assert {node["name"]: node["link"] for node in up["nodes"]} == {
        "base": None,
        "crew": "prefers",
        "tuned": "derived",
    } | {"crew": up["nodes"][-1]["link"]}
    assert up["counts"]["prefers"] == {"own": 1, "named": 0, "strangers": 0}

    said = cli("deprecate", tuned, "--message", "old").err
    assert "1 agent needs this: 'tui-registry dependants" in said
    (tmp_path / "card.json").write_text(json.dumps({"license": "Apache-2.0"}))
    assert "1 agent prefers this, 1 model was made from it" in cli("update", base, "card.json").err
    (tmp_path / "card.json").write_text(json.dumps({"description": "else"}))
    assert "prefers" not in cli("update", base, "card.json").err
    assert "1 agent needs this" in cli("delete", tuned, "--yes").err
    assert "tuned (deleted here)" in cli("lineage", crew).out
    assert "crew" in cli("dependants", tuned).out
