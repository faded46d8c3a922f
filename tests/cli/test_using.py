"""`use` and `verify-file`: what tools are given of a record, and whose file something is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.seeds import NOW, make_record, owner, signed
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.records import derive_manifest_id
from tui_registry.records.schema import defaults

BODY = b"weights" * 1000
SHA = hashlib.sha256(BODY).hexdigest()


def _manifest(*files: tuple[str, str | None, int | None], **fields: Json) -> Record:
    artifacts: Json = [
        {"uri": uri, "media_type": "", "sha256": digest, "size_bytes": size, "quantization": None}
        for uri, digest, size in files
    ]
    return {**defaults("manifest"), "artifacts": artifacts, **fields}


@pytest.fixture
def ids(cli: Cli, tmp_path: Path) -> dict[str, str]:
    """Records of one's own with a digest, with another one, with none; and a stranger's that states the first."""
    (tmp_path / "m.Q4_K_M.gguf").write_bytes(BODY)
    hub = "https://huggingface.co/org/m"
    theirs = signed(owner("stranger"), "model", "copy", at=NOW)
    said = _manifest(("hf://x/y/z.gguf", SHA, 5)) | {
        "manifest_id": derive_manifest_id(theirs.key), "owner_id": owner("stranger").address,
        "subject_id": theirs.key, "subject_kind": "Model", "subject_name": "copy", "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    with Datastore.open() as datastore:
        datastore.apply([theirs.to_json(), sign_up(owner("stranger"), "manifest", said).to_json()])

        def add(name: str, manifest: Record) -> str:
            return datastore.add("model", make_record("model", name), manifest=manifest).key

        return {
            "real": add("real", _manifest(("m.Q4_K_M.gguf", SHA, len(BODY)), repository_url=hub)),
            "other": add("other", _manifest(("o.gguf", "cd" * 32, 12), repository_url=hub)),
            "bare": add("bare", _manifest(("b.gguf", None, None), repository_url="https://example.org/x")),
            "theirs": theirs.key,
        }


def test_the_lines_for_tools_are_printed_and_the_rest_is_said(cli: Cli, ids: dict[str, str]) -> None:
    said = cli("use", ids["real"])
    assert said.code == 0
    assert "ollama     ollama run hf.co/org/m:Q4_K_M\n" in said.out
    assert "shown and not run" in said.err
    only = cli("use", ids["real"], "--for", "hf")
    assert (only.code, only.out) == (0, "hf download org/m m.Q4_K_M.gguf\n")
    told = cli("use", ids["real"], "--for", "vllm", "--json")
    assert (told.code, told.json["lines"]) == (1, [])
    assert (
        told.json["sentence"] == "vLLM can read nothing of it; there are lines for ollama, llama.cpp, docker, hf, git"
    )
    (line,) = cli("use", ids["real"], "--for", "git", "--json").json["lines"]
    assert line["argv"] == ["git", "clone", "--", "https://huggingface.co/org/m"]
    none = cli("use", ids["bare"])
    assert (none.code, none.out) == (1, "")
    assert "artifacts[0].uri: b.gguf can be read by no tool known here" in none.err
    assert cli("use", ids["real"], "--for", "rm").code == 2


def test_what_is_not_to_be_used_says_so_first(cli: Cli, ids: dict[str, str]) -> None:
    cli("deprecate", ids["real"], "--withdraw", "--message", "unsafe")
    assert "is withdrawn: unsafe" in cli("use", ids["real"]).err


def test_a_file_is_told_to_be_of_the_record_or_not(cli: Cli, ids: dict[str, str]) -> None:
    real = cli("verify-file", ids["real"], "m.Q4_K_M.gguf")
    assert real.code == 0
    assert "m.Q4_K_M.gguf is m.Q4_K_M.gguf of the model “real”" in real.out
    assert "as you state yourself" in real.out
    other = cli("verify-file", ids["other"], "m.Q4_K_M.gguf")
    assert other.code == 1
    assert "has 7,000 bytes, and of the files of “other” that have a digest the only one is 12 bytes long" in other.err
    assert "is no file of “other”: none of 1 digest stated there is its own" in other.out
    assert "by its digest it is m.Q4_K_M.gguf of the model “real”" in other.out
    bare = cli("verify-file", ids["bare"], "m.Q4_K_M.gguf", "--json")
    assert (bare.code, bare.json["state"]) == (1, "no_digests")
    assert "its owner states no digests" in bare.json["sentence"]
    theirs = cli("verify-file", ids["theirs"], "m.Q4_K_M.gguf")
    assert theirs.code == 0
    assert "a claim of 0x" in theirs.out
    assert "though that should have 5 bytes and this has 7,000" in theirs.out


def test_a_file_alone_finds_the_records_that_state_its_digest_the_known_ones_first(
    cli: Cli, ids: dict[str, str], tmp_path: Path
) -> None:
    told = cli("verify-file", "m.Q4_K_M.gguf", "--json")
    assert told.code == 0
    assert [claim["id"] for claim in told.json["named_by"]] == [ids["real"], ids["theirs"]]
    assert (told.json["sha256"], told.json["size_bytes"], told.json["more"]) == (SHA, len(BODY), False)
    cli("identity", "name", owner("stranger").address, "lab")
    assert "as lab states" in cli("verify-file", "m.Q4_K_M.gguf").out
    (tmp_path / "else").write_bytes(b"nobody's")
    nobody = cli("verify-file", "else")
    assert nobody.code == 1
    assert hashlib.sha256(b"nobody's").hexdigest() in nobody.out


def test_each_file_of_several_and_of_a_folder_has_its_line(cli: Cli, ids: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "w.gguf").write_bytes(BODY)
    (folder / "a.txt").write_text("a")
    os.mkfifo(folder / "pipe")
    (folder / "circle").symlink_to(folder)
    (folder / "gone").symlink_to(tmp_path / "nowhere")
    (folder / "itself").symlink_to(folder / "itself")
    said = cli("verify-file", ids["real"], "models", "m.Q4_K_M.gguf", "--json")
    assert said.code == 1
    assert [(Path(line["file"]).name, line["state"]) for line in said.lines] == [
        ("a.txt", "is_none"), ("w.gguf", "is_one"), ("gone", "unread"), ("itself", "unread"),
        ("pipe", "unread"), ("m.Q4_K_M.gguf", "is_one"),
    ]  # fmt: skip
    assert cli("verify-file", ids["real"], "models/below", "m.Q4_K_M.gguf").code == 0


def test_folders_as_deep_as_a_stranger_packs_them_are_gone_through_past_what_cannot_be_read(tmp_path: Path) -> None:
    from tui_registry.importers.digests import files_in

    deep, around = tmp_path / "d", tmp_path / "around"
    deep.mkdir()
    for _ in range(2100):  # deeper than Python calls itself, and than a path may be long
        around.mkdir()
        deep.rename(around / "d")
        around.rename(deep)
    (tmp_path / "e").touch()
    found = list(files_in(tmp_path))
    while (deep / "d").exists():  # which pytest could not
        (deep / "d").rename(around)
        deep.rmdir()
        around.rename(deep)
    assert isinstance(found[0], OSError)
    assert found[1:] == [tmp_path / "e"]


@pytest.mark.parametrize("name", ["nowhere", "pipe", "empty", "locked", "a\x1b[2Jb", "deadbeef"])
def test_what_cannot_be_read_is_one_sentence(cli: Cli, ids: dict[str, str], tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "locked").mkdir(mode=0)
    if name == "locked" and os.access(tmp_path / "locked", os.R_OK):
        pytest.skip("root reads everything")
    said = cli("verify-file", ids["real"], name)
    assert (said.code, said.out) == (1, "")
    assert is_one_sentence(said)


def test_a_line_that_could_mean_two_things_is_refused(cli: Cli, ids: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(BODY)
    said = cli("verify-file", "abc", "m.Q4_K_M.gguf")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert cli("verify-file", "./abc", "m.Q4_K_M.gguf").code == 0
    assert cli("--node", "http://127.0.0.1:1", "verify-file", "abc").code == 2
    alone = cli("verify-file", ids["real"])
    assert (alone.code, alone.err.count("\n")) == (1, 1)
    assert "name the file after it" in alone.err


def test_a_file_that_grows_while_it_is_read_is_no_file_yet(cli: Cli, ids: dict[str, str], tmp_path: Path) -> None:
    from tui_registry.importers.digests import digest_of
    from tui_registry.importers.untrusted import SourceError

    path = tmp_path / "m.Q4_K_M.gguf"

    def grow(done: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(SourceError, match="it changed while it was read"):
        digest_of(path, grow)


def test_a_file_that_is_replaced_while_it_is_read_is_not_what_lies_there(tmp_path: Path) -> None:
    from tui_registry.importers.digests import digest_of
    from tui_registry.importers.untrusted import SourceError

    path, other = tmp_path / "good", tmp_path / "evil"
    path.write_bytes(BODY)
    other.write_bytes(BODY[::-1])

    def replace(done: int) -> None:
        if done:
            other.replace(path)

    with pytest.raises(SourceError, match="it changed while it was read"):
        digest_of(path, replace)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no files without a size here")
def test_a_file_that_says_it_is_empty_and_is_not_is_no_file_yet(cli: Cli) -> None:
    said = cli("verify-file", "/proc/self/maps")
    assert (said.code, said.out) == (1, "")
    assert "/proc/self/maps changed while it was read" in said.err


def test_reading_is_stopped_by_ctrl_c_and_tells_how_far_it_is(
    cli: Cli, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    @contextmanager
    def bar(doing: str) -> Iterator[Callable[[int, int], None]]:
        def show(done: int, of: int) -> None:
            raise KeyboardInterrupt

        told.append(doing)
        yield show

    monkeypatch.setattr("tui_registry.cli.use_and_verify.progress_bar", bar)
    said = cli("verify-file", ids["real"], "m.Q4_K_M.gguf")
    assert (said.code, said.out, told) == (130, "", ["SHA-256 of m.Q4_K_M.gguf, MB"])
