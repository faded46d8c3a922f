"""Digests of files: read a piece at a time, told how far, stopped at any moment; and none of what cannot be read."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest

from tests.importers.made import LLAMA, file, gguf
from tests.importers.test_lfs import written
from tui_registry.errors import ABSENT
from tui_registry.importers import Finding, read_source
from tui_registry.importers.digests import with_digests
from tui_registry.present.imports import judged


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def files_of(found: Finding) -> object:
    assert isinstance(found.manifest, dict)
    return found.manifest["artifacts"]


MB = 1024**2
BODY = gguf(LLAMA, data=3 * MB)


def test_a_file_is_read_in_pieces_and_its_digest_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = with_digests(read(written(tmp_path / "x.gguf", BODY)), lambda done, of: told.append((done, of)))
    digest = hashlib.sha256(BODY).hexdigest()
    assert files_of(found) == [file("x.gguf", len(BODY), sha256=digest, quantization="GGUF")]
    assert (found.files, told[0], told[-1]) == ({}, (0, len(BODY)), (len(BODY), len(BODY)))
    assert max(later - earlier for (earlier, _), (later, _) in itertools.pairwise(told)) <= MB


def test_whoever_is_told_may_stop_it(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.gguf", BODY))

    def stop(done: int, _of: int) -> None:
        if done > MB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_digests(found, stop)
    assert files_of(found) == [file("x.gguf", len(BODY), quantization="GGUF")]


def test_what_changes_while_it_is_read_or_is_gone_has_no_digest(tmp_path: Path) -> None:
    path = written(tmp_path / "x.gguf", BODY)
    found = read(path)
    grown = with_digests(found, lambda _done, _of: path.write_bytes(BODY + b"more"))
    path.unlink()
    gone = with_digests(found, lambda _done, _of: None)
    for one, why in ((grown, "it changed while it was read"), (gone, "cannot be read")):
        assert files_of(one) == [file("x.gguf", len(BODY), quantization="GGUF")]
        (note,) = (note for note in one.notes if "has no digest" in note)
        assert why in note


def test_a_file_without_a_name_of_its_own_is_in_no_manifest(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.gguf", gguf(LLAMA))).without_files()
    assert (found.manifest, found.files) == (ABSENT, {})


def test_the_same_warning_about_each_of_many_files_is_told_once(tmp_path: Path) -> None:
    from tui_registry.errors import Problem

    problems = [
        *(Problem(f"manifest.artifacts[{n}].sha256", "warning", "no_digest", "no digest") for n in range(3)),
        Problem("manifest.artifacts[0].uri", "warning", "no_repository", "no repository"),
        *(Problem(f"manifest.artifacts[{n}].uri", "error", "address", f"wrong {n}") for n in range(2)),
        Problem("tags[0]", "warning", "tag", "odd"),
    ]
    said = [problem.sentence for problem in judged(read(written(tmp_path / "x.gguf", gguf(LLAMA))), problems).problems]
    assert said == ["no digest (and 2 more like this)", "no repository", "wrong 0", "wrong 1", "odd"]
