"""What README.md and CONTRIBUTING.md say is so: their commands run, their links lead somewhere, their names exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Cli, cli, data_dir  # noqa: F401
from tests.importers.made import LLAMA, gguf
from tests.importers.test_huggingface import model as hugging_face_folder
from tests.importers.test_ollama import WHOLE, stored
from tests.seeds import NOW, make_record
from tests.trust.test_every_command import COMMANDS
from tui_registry.cli.commands import PAGES
from tui_registry.cli.parser import build_parser
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.records.schema import defaults

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text("utf-8")
CONTRIBUTING = (HOME / "CONTRIBUTING.md").read_text("utf-8")

# Others run them as they stand there.
SET_UP = (
    "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/tui-registry demo",
    "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/python -m pytest",
)
# Of the examples these are only read.
ASKS_A_HOST_OR_NEVER_ENDS = ("peer look", "publish", "search llama --node", "serve", "sync")


def blocks(page: str) -> list[str]:
    """Its indented blocks, without their margin."""
    return [dedent(found) for found in re.findall(r"(?<=\n\n)(?: {4}.*\n)(?:(?: {4}.*)?\n)*", page)]


def lines(page: str) -> list[str]:
    """The command lines of its blocks, without their comments."""
    return [line for block in blocks(page) for line in block.splitlines() if line.startswith("tui-registry")]


def spans(page: str) -> list[str]:
    """What stands between backticks in its running text, with line breaks as spaces."""
    text = re.sub(r"(?m)^ {4}.*$", "", page)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def words_of(line: str) -> list[str]:
    return shlex.split(line, comments=True)[1:]


SAID = list(dict.fromkeys([*lines(README), *(span for span in spans(README) if span.split()[0] == "tui-registry")]))


def test_the_two_commands_of_the_set_up_stand_there_word_for_word() -> None:
    assert [line.strip() for line in README.splitlines() if line.startswith("    python3 -m venv")] == list(SET_UP)


@pytest.mark.parametrize("line", SAID)
def test_every_command_line_can_be_read(line: str) -> None:
    words = words_of(line)
    build_parser(words).parse_args(words)


def test_every_option_that_is_named_is_one_of_a_command() -> None:
    known = {name for parser in COMMANDS.values() for name in parser._option_string_actions}
    named = {span.split()[0].partition("=")[0] for span in spans(README) if span.startswith("--")}
    assert named
    assert named <= known


def test_the_examples_run_as_they_stand(
    cli: Cli,  # noqa: F811
    data_dir: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In their order, on one replica: what asks no other host, opens no screen and ends."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (record,) = [block for block in blocks(README) if block.startswith("name: ")]
    for name in ("my-finetune.yaml", "models.yaml"):
        (tmp_path / name).write_text(record)
    (tmp_path / "model.gguf").write_bytes(gguf(LLAMA))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "other.yaml").write_text(record.replace("my-finetune", "other"))
    hugging_face_folder(tmp_path / "model")
    stored(tmp_path / ".ollama" / "models", "llama3.2/latest", {**WHOLE})
    files: Json = [
        {
            "uri": "hf://lab/llama/llama-3.gguf",
            "media_type": "",
            "sha256": None,
            "size_bytes": None,
            "quantization": None,
        }
    ]
    with Datastore.open(data_dir, clock=lambda: NOW) as registry:
        first, other = (
            registry.add("model", make_record("model", name), manifest={**defaults("manifest"), "artifacts": files}).key
            for name in ("Llama 3", "Llama 4")
        )
    ran = 0
    for line in lines(README):
        words = words_of(line.replace("3fa9c1", first).replace("77b0e2", other))
        if not " ".join(words).startswith(ASKS_A_HOST_OR_NEVER_ENDS):
            said = cli(*(str(Path(word).expanduser()) if word.startswith("~") else word for word in words))
            assert said.code == 0, f"{line}\n{said.err}"
            ran += 1
    assert ran > 15


def test_the_python_example_runs(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    (example,) = [block for block in blocks(README) if "import" in block and "Datastore.open" in block]
    exec(compile(example, "README.md", "exec"), {})
    assert "my-finetune" in capsys.readouterr().out


# ---- what pages lead to ----------------------------------------------------------------------------------------------


def targets(page: str) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)\s]+)\)", page)
    yield from re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", page)


def anchors(page: str) -> set[str]:
    """Of its headings, as a forge makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", page)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_link_to_a_file_or_a_heading_leads_there(page: str) -> None:
    for target in targets(page):
        if not target.startswith("https://"):
            file, _, heading = target.partition("#")
            assert (HOME / file).exists(), target
            assert not heading or heading in anchors((HOME / file).read_text("utf-8") if file else page), target


def test_every_page_of_the_help_is_linked() -> None:
    linked = {target.removeprefix("tui_registry/") for target in targets(README)}
    assert set(PAGES.values()) <= linked


def test_every_picture_says_what_is_on_it() -> None:
    shown = re.findall(r"!\[([^\]]*)\]|<img\s+([^>]*)>", README)
    assert len(shown) > 10
    for text, attributes in shown:
        alternative = text or re.findall(r"alt=\"([^\"]*)\"", attributes)[0]
        assert len(alternative) > 10
