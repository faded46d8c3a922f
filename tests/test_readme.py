"""What README.md and CONTRIBUTING.md say is so: their commands run, their links lead somewhere, their names exist."""

from __future__ import annotations

import re
import shlex
import tomllib
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


def is_command_line(span: str) -> bool:
    return span.startswith("tui-registry ") and span != "tui-registry --version"


def words_of(line: str) -> list[str]:
    return shlex.split(line, comments=True)[1:]


SAID = list(
    dict.fromkeys(
        [*lines(README), *(span for page in (README, CONTRIBUTING) for span in spans(page) if is_command_line(span))]
    )
)


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
    assert {f"tui_registry/{page.name}" for page in (HOME / "tui_registry").glob("*.md")} <= {*targets(README)}


def test_every_picture_says_what_is_on_it() -> None:
    shown = re.findall(r"!\[([^\]]*)\]|<img\s+([^>]*)>", README)
    assert len(shown) > 10
    for text, attributes in shown:
        alternative = text or re.findall(r"alt=\"([^\"]*)\"", attributes)[0]
        assert len(alternative) > 10


# ---- the plan of the house -------------------------------------------------------------------------------------------

_PATH = re.compile(r"[\w./-]+(?:\.(?:py|md|json|txt|tcss|toml)|/)")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")


def files() -> dict[str, Path]:
    """Every file and folder here by its path, folders with a slash at the end."""
    places = [HOME / name for name in ("tui_registry", "tests", "screenshots", ".ci")]
    found = [*places, *HOME.glob("*.*"), *(path for place in places for path in place.rglob("*"))]
    return {
        f"/{path.relative_to(HOME)}{'/' * path.is_dir()}": path for path in found if "__pycache__" not in path.parts
    }


FILES = files()


def meant(path: str) -> list[Path]:
    """What this is the end of the path of."""
    return [file for name, file in FILES.items() if name.endswith(f"/{path}")]


def inside(file: Path) -> list[Path]:
    return [*file.rglob("*.py")] if file.is_dir() else [file]


def test_every_path_in_the_plan_is_there() -> None:
    named = {span for span in spans(CONTRIBUTING) if _PATH.fullmatch(span) and not re.search(r"NAME|X_Y", span)}
    assert len(named) > 100
    assert {path for path in named if not meant(path)} == set()


def test_every_module_that_is_run_by_hand_is_there() -> None:
    named = {name for span in spans(CONTRIBUTING) for name in re.findall(r"\btests(?:\.\w+)+", span)}
    assert len(named) > 10
    for name in named:
        path = HOME / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_every_name_in_a_row_of_what_to_touch_stands_in_a_file_of_that_row() -> None:
    section = CONTRIBUTING.partition("### To add X, touch Y\n")[2].partition("\n### ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(rows) > 80
    texts: dict[Path, str] = {}
    for row in rows:
        said = spans(row)
        paths = [span for span in said if _PATH.fullmatch(span)]
        words: set[str] = set()
        for file in {inner for path in paths for one in meant(path) for inner in inside(one)}:
            words |= set(re.findall(r"\w+", texts.setdefault(file, file.read_text("utf-8"))))
        names = [span for span in said if _NAME.fullmatch(span) and span not in paths]
        assert not paths or {name for name in names if name.rpartition(".")[2] not in words} == set(), row


def test_the_plan_has_every_module_of_the_house_on_the_floor_of_its_contract() -> None:
    section = CONTRIBUTING.partition("## The house\n")[2].partition("\n\n`")[0]
    floors = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    planned = [{span.removesuffix("/").removesuffix(".py") for span in spans(floor)} for floor in floors]
    project = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    layers = [{name.strip().removeprefix("tui_registry.") for name in layer.split("|")} for layer in contract]
    heights = [
        [height for height, layer in enumerate(layers) if module in layer] for floor in planned for module in floor
    ]
    assert heights == sorted(heights)
    assert set().union(*planned) == set().union(*layers)
    here = {path.stem for path in (HOME / "tui_registry").glob("*") if path.suffix == ".py" or path.is_dir()}
    assert here - {"__init__", "__pycache__", "data"} == set().union(*planned)
