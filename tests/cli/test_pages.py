"""The pages of help: each command line in them runs, on a replica that has what the pages speak of."""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import tui_registry
from tests.cli.conftest import Cli
from tests.importers.made import TEXT, U32, gguf
from tests.seeds import owner, signed
from tui_registry import fit
from tui_registry.cli.commands import COMMANDS
from tui_registry.cli.parser import PROGRAM, build_parser
from tui_registry.datastore import Datastore
from tui_registry.formfile.editor import LANGUAGE
from tui_registry.present.pages import PAGES, page_text
from tui_registry.query import GRAMMAR
from tui_registry.text import USUAL_CONTEXT

HOME = Path(tui_registry.__file__).parent
DAY = 86_400

# A line with one of these words would never end, open a screen, or ask somebody far away: `hub` is what the pages call a
# node out there. So would one with an address, or with --every. It is read as the program reads it, and not run.
NOT_RUN = {"serve", "demo", "mcp", "hub", "--every", "edit"}


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_every_page_has_a_file_and_every_file_is_a_page() -> None:
    assert {path.stem for path in HOME.glob("*.md")} == {*PAGES}
    for name in PAGES:
        assert re.match(r"# \S.*\n\n\S", page_text(name)), name


def test_help_lists_the_pages_with_a_line_each(cli: Cli) -> None:
    listed = cli("help").out.partition("\nPages:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == [*PAGES]
    assert max(map(len, listed)) <= 120


@pytest.mark.parametrize("name", PAGES)
def test_help_prints_a_page_behind_what_the_command_of_its_name_takes(cli: Cli, data_dir: Path, name: str) -> None:
    said = cli("help", name)
    command = f"{cli(name, '--help').out}\n" if name in COMMANDS else ""
    assert (said.code, said.err) == (0, "")
    assert said.out == command + page_text(name)
    assert not data_dir.exists()
    if command:
        assert f"'tui-registry help {name}' goes on with its page" in command


def test_tables_come_from_what_the_program_reads_by() -> None:
    for name, tables in (("search", GRAMMAR), ("formfile", LANGUAGE)):
        shown = page_text(name)
        assert all(line.strip() in shown for line in tables.splitlines())
        assert "puts its tables here" not in shown


def test_a_wrong_name_says_the_nearest(cli: Cli) -> None:
    for typed, meant in (("conflict", "conflicts"), ("serach", "search"), ("hubs", "hub"), ("trsut", "trust")):
        said = cli("help", typed)
        assert (said.code, said.out) == (2, "")
        assert f"there is no command or page '{typed}': did you mean {meant}?" in said.err
    assert "'tui-registry help' lists them" in cli("help", "xyzzy\x1b[31m").err


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_pages_and_commands_that_there_are(name: str) -> None:
    for topic in re.findall(r"`(?:tui-registry )?help ([a-z-]+)`", page_text(name)):
        assert topic in PAGES or topic in COMMANDS, topic


def test_the_numbers_by_which_fit_estimates_are_those_of_the_program() -> None:
    page = page_text("fit")
    bits, shared = fit.bits_of("Q4_K_M"), fit.Machine(ram=36 * fit.GIB, unified=True)
    assert bits is not None
    for said in (
        f"({bits.bits:g} bits)",
        f"{USUAL_CONTEXT:,} unless `--context` says otherwise",
        f"{fit.OVERHEAD_SHARE * 100:g} % of the weights, and no less than {fit.OVERHEAD_LEAST / fit.GB:g} GB",
        f"its memory less {fit.GPU_RESERVE / fit.GB:g} GB",
        f"equal ones (within {fit._EQUAL * 100:g} %)",
        f"less a tenth, and no less than {fit.RAM_RESERVE_LEAST / fit.GB:g} GB",
    ):
        assert said in page, said
    assert fit.RAM_RESERVE_SHARE == 0.1
    assert fit.unified_room(shared) == 24 * fit.GIB
    assert fit.unified_room(shared._replace(ram=40 * fit.GIB)) == 30 * fit.GIB
    assert "two thirds of it, above 36 GiB three quarters" in page


# ---- what they say to type -------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One run of the program in a line: its words, and the file that takes what it prints."""

    words: list[str]
    into: str = ""


def lines_of(page: str) -> list[str]:
    """The lines in blocks of code that begin with the program's name."""
    found = re.findall(r"^[ ]*(?:\$ )?(tui-registry(?: .*)?)$", page, re.MULTILINE)
    return [str(line) for line in found]


def steps(line: str) -> Iterator[Step]:
    """What of a line is ours: pipes and what else stands between commands are the shell's."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    reader.whitespace_split = True
    words: list[str] = []
    into = ""
    for token in [*reader, ";"]:
        if token in ("|", "||", "&&", ";"):
            if words[:1] == [PROGRAM]:
                yield Step([word for word in words[1:] if word != ">" and word != into], into)
            words, into = [], ""
            continue
        if words[-1:] == [">"]:
            into = token
        words.append(token)


def is_run(words: list[str]) -> bool:
    return bool(words) and not NOT_RUN & {*words} and not any("://" in word for word in words)


def taken(words: list[str]) -> None:
    """See to it that the command line takes a line; of a command that is only named, that there is one."""
    try:
        build_parser(words).parse_args(words)
    except SystemExit as left:
        assert left.code == 0
    except Exception:
        if len(words) > 2 or words[-1].startswith("-"):
            raise
        with pytest.raises(SystemExit, match="0"):
            build_parser(words).parse_args([*words, "--help"])


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_in_a_sentence_is_a_line_that_can_be_read(name: str) -> None:
    for span in re.findall(r"`tui-registry ([^`]+)`", page_text(name)):
        line = span.replace("s3://...", "s3://bucket/prefix").replace("ADDRESS", f"0x{'5e' * 20}")
        taken(shlex.split(line))


def model_file(name: str) -> bytes:
    values: list[tuple[str | bytes, int, str | int]] = [
        ("general.architecture", TEXT, "llama"),
        ("general.name", TEXT, name),
        ("general.license", TEXT, "apache-2.0"),
        ("general.file_type", U32, 15),
        ("llama.context_length", U32, 8192),
        ("llama.block_count", U32, 16),
        ("llama.embedding_length", U32, 2048),
        ("llama.attention.head_count", U32, 32),
        ("llama.attention.head_count_kv", U32, 8),
    ]
    return gguf(values)


RECORD = """\
name: my-finetune
version: 1.0.0
description: Answers questions about our own manuals.
license: Apache-2.0
parameters: 7.6b
context_length: 32k
tags: [chat, manuals]
"""
MANIFEST = """\
derived_from:
  - {relation: Finetune, name: Qwen2.5-7B-Instruct}
architecture: {layers: 28, kv_heads: 4, head_dim: 128}
"""
FORMFILE = """\
NAME support-bot
VCPU 2
MEMORY 2048
DISK 10
USER username:bot lock_passwd:true
#? port = 8080
ENV PORT={{ port }}
ENTRYPOINT ["/usr/bin/python3", "-m", "bot"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what people have who read the pages: files, and the log of somebody else."""
    home = tmp_path_factory.mktemp("pages")
    (home / "models").mkdir()
    (home / "models" / "llama-3.2-1b-instruct-q4_k_m.gguf").write_bytes(model_file("llama-3.2-1b-instruct"))
    for name, text in (("my-finetune.yaml", RECORD), ("card.yaml", RECORD), ("manifest.yaml", MANIFEST)):
        (home / name).write_text(text)
    (home / "phrase").write_text("correct horse battery staple\n")
    then = int(time.time()) - 5 * DAY
    with Datastore.open(home / "theirs") as theirs:
        for name in ("Qwen2.5-7B-Instruct", "Llama-3.1-8B-Instruct"):
            said = {"quantization": {"Other": "Q4_K_M"}, "context_length": 131_072, "license": "MIT"}
            theirs.apply([signed(owner("them"), "model", name, at=then, **said).to_json()])
    return home


@pytest.fixture
def world(made: Path, tmp_path: Path, cli: Cli, request: pytest.FixtureRequest) -> None:
    """The state that a page begins in: nothing yet for `start` and where a record is registered, all records for the
    others, and for `conflicts` one of them in conflict."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)

    def do(*words: str, given: str = "") -> None:
        said = cli(*words, given=given)
        assert said.code == 0, said.err

    do("--data-dir", "theirs", "export", "--log", "shared/registry")
    page = request.node.callspec.params["name"]
    if page in ("start", "json"):
        return
    then = int(time.time()) - 3 * DAY
    with Datastore.open() as here:
        me = here.key.identity()
        bot = signed(me, "agent", "support-bot", at=then, formfile_template=FORMFILE, license="MIT")
        mine = signed(
            me, "model", "my-finetune", at=then, parameters=7_600_000_000, context_length=32_768, tags=["chat"]
        )
        here.apply([mine.to_json(), bot.to_json()])
        here.elsewhere.acknowledge(here.log.head().size)
    do("manifest", "set", "my-finetune", "manifest.yaml")
    do("import", "models/", "--hash", "--register")
    do("peer", "add", "shared", "shared/registry")
    do("sync")
    if page == "conflicts":
        shutil.copytree(tmp_path / "data", "laptop")
        do("update", "my-finetune", "-", given="license: ISC\nversion: 1.1.0\n")
        do("--data-dir", "laptop", "update", "my-finetune", "-", given="license: MIT\nversion: 1.2.0\n")
        do("--data-dir", "laptop", "export", "--log", "from-laptop")
        do("peer", "add", "laptop", "from-laptop")
        do("sync", "laptop")


@pytest.mark.parametrize("name", [name for name in PAGES if lines_of(page_text(name))])
@pytest.mark.usefixtures("quick_lock", "world")
def test_every_line_of_a_page_does_what_it_says(cli: Cli, name: str) -> None:
    """One after the other, as somebody types them who reads the page."""
    ran = 0
    for line in lines_of(page_text(name)):
        for words, into in steps(line):
            taken(words)
            if not is_run(words):
                continue
            if words[0] == "backup" or words[:2] == ["identity", "export"]:
                words += ["--passphrase-file", "phrase"]  # what people are asked for
            said = cli(*words)
            assert said.code == 0, f"{line}\n{said.out}{said.err}"
            if words[0] == "search" and not {"--save", "--forget"} & {*words}:
                assert said.out, f"{line} finds nothing"
            if into:
                Path(into).write_text(said.out)
            ran += 1
    assert ran or name == "trust"
