"""What is our own: Formfiles, build bundles, and the logs of replicas, which another command reads."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.importers.made import at
from tui_registry.formfile.bundle import SIZES, write_archive
from tui_registry.importers import Finding, Skipped, read_source
from tui_registry.present.imports import Operations

MODEL_ID = "3fa9c1" + "0" * 58
FORMFILE = f"""# Builds the crew
NAME research-crew
DESCRIPTION Finds papers and reads them
VCPU 4
MEMORY 8192
DISK 40
MODEL required:{MODEL_ID}
MODEL preferred:{"b" * 64}
WORKDIR /app
RUN pip install crew
"""


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize("name", ["Formfile", "crew.formfile", "any.txt"])
def test_a_formfile_is_the_draft_of_an_agent(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMFILE)
    found = read(tmp_path / name)
    assert found.problems == ()
    expected = {
        "name": "research-crew", "description": "Finds papers and reads them", "formfile_template": FORMFILE.strip(),
        "resource_requirements.recommended_vcpus": 4, "resource_requirements.recommended_memory_mb": 8192,
        "resource_requirements.recommended_disk_gb": 40, "preferred_models": [MODEL_ID, "b" * 64],
    }  # fmt: skip
    assert {path: at(found, path) for path in expected} == expected
    assert isinstance(found.manifest, dict)
    assert found.manifest["required_models"] == [MODEL_ID]


def test_in_a_folder_a_formfile_is_found(tmp_path: Path) -> None:
    (tmp_path / "Formfile").write_text(FORMFILE)
    assert at(read(tmp_path), "name") == "research-crew"


@pytest.mark.parametrize("text", ["NAME x\n", "VCPU 4\nRUN x\n", "# NAME x\n# RUN y\n", "NAME\nRUN\n", ""])
def test_what_has_no_name_or_nothing_else_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.formfile").write_text(text)
    found = read(tmp_path / "x.formfile")
    assert found.record is None
    assert "\n" not in found.problems[0].sentence


def test_placeholders_and_mistakes_leave_a_draft(tmp_path: Path) -> None:
    (tmp_path / "x.formfile").write_text("NAME {{name}}\nVCPU many\nMEMORY {{memory_mb}}\nRUN x\n")
    found = read(tmp_path / "x.formfile")
    assert at(found, "name") == "x"
    assert "resource_requirements.recommended_memory_mb" not in found.origins


def test_the_operation_in_a_build_bundle_is_taken_in_as_one(tmp_path: Path) -> None:
    (tmp_path / "crew.tar").write_bytes(write_archive({name: name.encode() for name in SIZES}, 0))
    (found,) = read_source(tmp_path / "crew.tar")
    assert isinstance(found, Operations)
    assert [*found.lines()] == [b"op.json"]


def test_another_tar_is_refused_by_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/passwd"), io.BytesIO())
    assert read(tmp_path / "x.tar").problems[0].sentence.startswith("is a tar archive")


def test_the_log_of_a_replica_says_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "my log" / "sync").mkdir(parents=True)
    (tmp_path / "my log" / "sync" / "head").write_text("{}")
    found = read(tmp_path / "my log")
    assert f"tui-registry peer add NAME '{tmp_path / 'my log'}'" in found.problems[0].sentence
    with tarfile.open(tmp_path / "log-1.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("sync/head"), io.BytesIO())
    assert "tui-registry sync --from" in read(tmp_path / "log-1.tar").problems[0].sentence
    assert not [one for one in read_source(tmp_path) if isinstance(one, Skipped)]
