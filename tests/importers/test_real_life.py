"""A folder as people have them: models in several forms, agents, settings, and much that is none of it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.importers.made import LLAMA, at, gguf, onnx, onnx_tensor
from tests.importers.test_a2a import CARD_1_0
from tests.importers.test_agent_files import CLAUDE
from tests.importers.test_ai_catalog import A2A, catalog, entry
from tests.importers.test_formfiles import FORMFILE
from tests.importers.test_mcp import SERVER
from tests.importers.test_mcp_clients import BUNDLE, CLIENT, SECRET
from tests.importers.test_modelpack import config
from tests.importers.test_oasf import NEW
from tests.importers.test_ollama import WHOLE, stored
from tui_registry.importers import Finding, Skipped, read_source


def test_a_folder_of_all_formats_gives_each_once_and_passes_the_rest_over(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "models/tiny.gguf": gguf(LLAMA),
        "models/vision/model.onnx": onnx([onnx_tensor("w", 1, (8, 8), bytes(256))]),
        "models/pack.json": json.dumps(config()),
        "agents/reviewer.md": CLAUDE,
        "agents/README.md": "# What these are\n\nWords.\n",
        "agents/crew/Formfile": FORMFILE,
        "agents/card.json": json.dumps(CARD_1_0),
        "agents/record.json": json.dumps(NEW),
        "agents/catalog.json": json.dumps(catalog(entry("one", A2A, data={**CARD_1_0, "name": "Listed"}))),
        "mcp/server.json": json.dumps(SERVER),
        "mcp/manifest.json": json.dumps(BUNDLE),
        "mcp/desktop.json": json.dumps(CLIENT),
        "chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\nappVersion: '1'\n",
        "crew/config/agents.yaml": "writer:\n  role: Writer\n  goal: Write\n  backstory: Wrote.\n",
        "compose.yaml": "services:\n  x:\n    image: y\nvolumes: {}\n",
        "notes.md": "# NAME of the thing\n",
        "page.html": "<!doctype html><p>x",
        "photo.png": b"\x89PNG\r\n\x1a\n\0\0",
        "tsconfig.json": '{"compilerOptions": {}}',
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    stored(tmp_path / "ollama", "llama3.2/latest", {**WHOLE})
    found = [*read_source(tmp_path)]
    read = sorted(str(at(one, "name")) for one in found if isinstance(one, Finding))
    assert read == sorted(
        [
            "Tiny Llama", "vision", "tiny-3-8B-Instruct", "reviewer", "research-crew", CARD_1_0["name"], "Listed",
            "email-agent", str(SERVER.get("title", SERVER["name"])), "Files", *CLIENT["mcpServers"], "llama3.2",
        ]
    )  # fmt: skip
    passed = {Path(one.source).name for one in found if isinstance(one, Skipped)}
    assert {"Chart.yaml", "agents.yaml", "compose.yaml", "tsconfig.json"} <= passed
    assert SECRET not in str(found)
