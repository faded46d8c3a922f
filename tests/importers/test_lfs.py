"""Git LFS pointers in place of weights: said to be pointers, with sizes and digests, and never taken for weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, Skipped, read_source
from tui_registry.importers.lfs import pointer_in

GB = 1024**3


def pointer(size: int, digit: str = "a") -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digit * 64}\nsize {size}\n".encode()


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def written(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


CONFIG = json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16"})
NAMES = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]


def clone(folder: Path, metadata: dict[str, int]) -> Path:
    written(folder / "config.json", CONFIG)
    places = dict(zip("ab", NAMES, strict=True))
    written(folder / "model.safetensors.index.json", json.dumps({"metadata": metadata, "weight_map": places}))
    for name, digit in zip(NAMES, "ab", strict=True):
        written(folder / name, pointer(2 * GB, digit))
    return folder


def test_a_clone_without_lfs_is_described_by_the_sizes_in_its_pointers(tmp_path: Path) -> None:
    found = read(clone(tmp_path / "m", {"total_size": 4_000_000_000}))
    assert at(found, "parameters") == 2_000_000_000
    assert found.origins["parameters"].startswith("estimated: total_size in the index")
    assert at(found, "resource_requirements.min_disk_gb") == 5
    note = next(note for note in found.notes if "Git LFS" in note)
    assert "2 files are Git LFS pointers" in note
    assert "git lfs pull" in note
    assert "a" * 64 in note
    assert not any("cannot be read" in note or "none of the files" in note for note in found.notes)


def test_without_a_stated_total_the_parameters_stay_open(tmp_path: Path) -> None:
    assert at(read(clone(tmp_path / "m", {})), "parameters") == 0


def test_one_pointer_for_all_weights_is_enough(tmp_path: Path) -> None:
    written(tmp_path / "m" / "config.json", CONFIG)
    written(tmp_path / "m" / "model.safetensors", pointer(3 * GB))
    assert at(read(tmp_path / "m"), "resource_requirements.min_disk_gb") == 4


@pytest.mark.parametrize("name", ["some-7b.gguf", "some-7b.safetensors", "some-7b.bin"])
def test_a_pointer_alone_says_what_it_stands_for(tmp_path: Path, name: str) -> None:
    found = read(written(tmp_path / name, pointer(GB)))
    assert at(found, "name") == "some-7b"
    assert at(found, "resource_requirements.min_disk_gb") == 2
    assert "1 file is a Git LFS pointer and no weights (1 GiB in all)" in found.notes[0]
    assert [problem.path for problem in found.problems] == ["model_type"]


def test_pointers_of_a_split_file_are_one_model(tmp_path: Path) -> None:
    for number in (1, 2):
        written(tmp_path / f"m-0000{number}-of-00002.gguf", pointer(GB))
    found = read(tmp_path)
    assert (at(found, "name"), at(found, "resource_requirements.min_disk_gb")) == ("m", 3)


def test_pointers_to_other_files_are_nobodys_business(tmp_path: Path) -> None:
    written(tmp_path / "picture.png", pointer(GB))
    written(tmp_path / "data.parquet", pointer(GB))
    assert list(read_source(tmp_path)) == []
    # Nor do they hide the card beside them
    written(tmp_path / "README.md", "---\nlicense: mit\n---\n# Named\n")
    assert at(read(tmp_path), "name") == "Named"


@pytest.mark.parametrize("name", ["README.md", "config.json", "tokenizer.json"])
def test_a_pointer_in_place_of_what_would_be_read_is_told_and_is_no_model(tmp_path: Path, name: str) -> None:
    (passed,) = read_source(written(tmp_path / name, pointer(GB)).parent)
    assert isinstance(passed, Skipped)
    assert "git lfs pull" in passed.sentence
    assert read(tmp_path / name).record is None


def test_pointers_of_pytorch_s_own_format_tell_the_size_too(tmp_path: Path) -> None:
    written(tmp_path / "m" / "config.json", CONFIG)
    written(tmp_path / "m" / "pytorch_model.bin", pointer(3 * GB).replace(b"\n", b"\r\n"))
    found = read(tmp_path / "m")
    assert at(found, "resource_requirements.min_disk_gb") == 4
    assert any("git lfs pull" in note for note in found.notes)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"version https://git-lfs.github.com/spec/v1\noid md5:abc\nsize 3\n",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize -3\n",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize " + b"9" * 40 + b"\n",
        pointer(3) + b"x" * 2000,
    ],
)
def test_what_only_begins_as_a_pointer_is_none(tmp_path: Path, raw: bytes) -> None:
    assert pointer_in(raw, "x") is None
    for found in read_source(written(tmp_path / "x.gguf", raw)):
        assert isinstance(found, Finding)
        assert found.record is None
