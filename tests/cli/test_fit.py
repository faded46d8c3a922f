"""`fit`, and `fit:` in a search: for people and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.importers.made import TEXT, U32, gguf
from tests.seeds import make_record
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.records.schema import defaults

ARCHITECTURE: Json = {
    "layers": 32, "kv_heads": 8, "head_dim": 128, "experts": None, "active_parameters": None, "kv_token_bytes": None,
    "kv_constant_bytes": None,
}  # fmt: skip


def _file(uri: str, size: int) -> dict[str, Json]:
    return {"uri": uri, "media_type": "", "sha256": "0" * 64, "size_bytes": size, "quantization": "GGUF"}


@pytest.fixture
def ids(cli: Cli, tmp_path: Path) -> dict[str, str]:
    """A model in two forms, a large one, and agents that name them."""
    with Datastore.open() as datastore:
        files: Json = [
            _file("hf://o/m/m.Q4_K_M.gguf", 5 * 10**9), _file("hf://o/m/m.Q8_0.gguf", 9 * 10**9)
        ]  # fmt: skip
        manifest = {**defaults("manifest"), "artifacts": files, "architecture": ARCHITECTURE}
        small = datastore.add("model", make_record("model", "small", parameters=8 * 10**9), manifest=manifest).key
        large = datastore.add("model", make_record("model", "large", parameters=405 * 10**9)).key
        bare = datastore.add("model", make_record("model", "bare", parameters=0)).key
        agent = datastore.add("agent", make_record("agent", "crew", preferred_models=[large, small])).key
        needy = datastore.add(
            "agent",
            make_record("agent", "needy", preferred_models=[small]),
            manifest={**defaults("manifest"), "required_models": [large, "f" * 64]},
        ).key
    return {"small": small, "large": large, "bare": bare, "crew": agent, "needy": needy}


def test_a_model_is_said_to_run_with_all_that_the_answer_is_made_of(cli: Cli, ids: dict[str, str]) -> None:
    said = cli("fit", ids["small"], "--machine", "gpu=12gb ram=16gb")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[3] == "runs on one GPU: needs 10.5 GB, 11.5 GB are there"
    assert any(line.startswith("  weights ") and "m.Q8_0.gguf, as their owner states" in line for line in lines)
    formula = "2 × 32 layers × 8 heads × 128 numbers × 2 bytes × 8,192 tokens"
    assert any(line.startswith("  cache ") and formula in line for line in lines)
    assert any("an upper bound" in line for line in lines)
    assert any("an estimate" in line for line in lines)
    assert any(line.startswith("  Q4_K_M, m.Q4_K_M.gguf: runs on one GPU") for line in lines)


def test_programs_get_every_input(cli: Cli, ids: dict[str, str]) -> None:
    told = cli(
        "fit", ids["small"], "--machine", "gpu=8gb ram=16gb", "--context", "4k", "--cache", "q8_0", "--json"
    ).json
    assert (told["verdict"], told["best"], told["context"]) == ("runs", 0, 4096)
    best, other = told["forms"]
    assert (best["quantization"], best["where"], best["weights"]["bytes"]) == ("Q8_0", "cpu", 9 * 10**9)
    assert best["cache"]["bytes"] == 131_072 * 4096 * 34 // 64
    assert best["needed"] == best["weights"]["bytes"] + best["cache"]["bytes"] + best["overhead"]
    assert (other["quantization"], other["where"]) == ("Q4_K_M", "gpu")
    assert told["machine"]["gpus"] == [{"name": "", "total": 8 * 10**9, "free": None}]


def test_what_does_not_run_says_how_much_is_missing(cli: Cli, ids: dict[str, str]) -> None:
    told = cli("fit", ids["large"], "--machine", "gpu=24gb ram=64gb", "--json").json
    assert told["verdict"] == "no"
    assert told["forms"][0]["missing_bytes"] > 700 * 10**9
    assert "GB are missing" in told["sentence"]
    told = cli("fit", ids["bare"], "--machine", "gpu=24gb", "--json").json
    assert (told["verdict"], told["forms"][0]["not_stated"]) == ("unknown", ["files", "parameters", "architecture"])


def test_an_agent_says_which_of_its_models_fits_and_what_blocks(cli: Cli, ids: dict[str, str]) -> None:
    told = cli("fit", ids["crew"], "--machine", "gpu=12gb", "--json").json
    assert (told["verdict"], told["models"][told["best"]]["name"], told["blocks"]) == ("runs", "small", [])
    assert told["sentence"].startswith("fits with small as Q8_0, which runs on one GPU")
    said = cli("fit", ids["needy"], "--machine", "gpu=12gb")
    assert "! it needs large, which does not run" in said.out
    assert "! it needs ffffffffffff, which is not here" in said.out


def test_this_machine_is_looked_at_where_none_is_named(cli: Cli, ids: dict[str, str]) -> None:
    told = cli("fit", ids["small"], "--json").json
    assert told["machine"]["name"] == "this machine"
    assert told["machine"]["cores"] > 0


def test_a_saved_machine_is_named(cli: Cli, ids: dict[str, str]) -> None:
    assert cli("config", "set", "machines.big", "gpu=8x80gb").code == 0
    told = cli("fit", ids["large"], "--machine", "big", "--json").json
    assert (told["verdict"], told["machine"]["name"]) == ("no", "big")
    assert cli("search", "fit:no", "--machine", "big", "--json").json["record"]["name"] == "large"


def test_lists_are_narrowed_and_ordered_by_what_fits(cli: Cli, ids: dict[str, str]) -> None:
    def names(*line: str) -> list[str]:
        return [found["record"]["name"] for found in cli("search", *line, "--json").lines]

    assert names("fit:runs", "--machine", "gpu=12gb") == ["small"]
    assert names("fit:offload", "--machine", "gpu=4gb ram=6gb") == ["small"]
    assert names("fit:12gb") == ["small"]
    assert names("fit:unknown") == ["bare"]
    assert names("kind:model sort:fit") == ["small", "large", "bare"]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (("--machine", "big"), "there is no machine 'big': none is saved"),
        (("--machine", "gpu=lots"), "a size is a number and its unit"),
    ],
)
def test_a_machine_that_is_none_is_said_in_one_sentence(
    cli: Cli, ids: dict[str, str], line: tuple[str, ...], part: str
) -> None:
    assert is_one_sentence(cli("fit", ids["small"], *line), part)
    assert is_one_sentence(cli("search", "fit:runs", *line), part)


@pytest.mark.parametrize("line", [("--context", "0"), ("--context", "lots"), ("--cache", "q9")])
def test_what_cannot_be_counted_is_a_usage_error(cli: Cli, ids: dict[str, str], line: tuple[str, ...]) -> None:
    said = cli("fit", ids["small"], *line)
    assert (said.code, said.out) == (2, "")


def test_from_a_gguf_file_to_what_it_needs(cli: Cli, tmp_path: Path) -> None:
    values: list[tuple[str | bytes, int, object]] = [
        ("general.architecture", TEXT, "gemma3"), ("general.name", TEXT, "Tiny Gemma"), ("general.file_type", U32, 15),
        ("gemma3.block_count", U32, 6), ("gemma3.context_length", U32, 32768), ("gemma3.embedding_length", U32, 256),
        ("gemma3.attention.head_count", U32, 4), ("gemma3.attention.head_count_kv", U32, 2),
        ("gemma3.attention.key_length", U32, 64), ("gemma3.attention.sliding_window", U32, 512),
    ]  # fmt: skip
    path = tmp_path / "tiny.Q4_K_M.gguf"
    path.write_bytes(gguf(values))
    assert cli("import", str(path), "--register").code == 0
    (found,) = cli("search", "name:tiny", "--json").lines
    told = cli("fit", found["id"], "--machine", "gpu=1gb", "--json").json
    (form,) = told["forms"]
    assert (told["verdict"], form["where"], form["quantization"]) == ("runs", "gpu", "Q4_K_M")
    assert form["weights"]["bytes"] == path.stat().st_size
    # One layer of six looks back at all, the others 512 tokens
    cache = form["cache"]
    assert (cache["from"], cache["token_bytes"], cache["constant_bytes"]) == ("stated", 512, 5 * 512 * 512)
    assert cache["bytes"] == 5 * 512 * 512 + 512 * 8192
