"""`formfile build` and `formfile verify`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.formfile.bundles import MAKER, NAME, VALUES, changed, root, sample, update
from tui_registry.cli.build import read_signed
from tui_registry.datastore import Datastore
from tui_registry.formfile.bundle import make_bundle

SETS = [word for name, value in VALUES.items() for word in ("--set", f"{name}={value}")]
ID = root().key


@pytest.fixture
def crew(data_dir: Path) -> str:
    """The id of an agent of somebody else's, the record of `tests.formfile.bundles`."""
    apply(data_dir, root().to_json())
    return ID


def apply(data_dir: Path, *lines: bytes) -> None:
    with Datastore.open(data_dir) as datastore:
        assert datastore.apply(lines, source="test").applied == len(lines)


def test_a_bundle_is_written_and_verified(cli: Cli, crew: str, tmp_path: Path) -> None:
    said = cli("formfile", "build", crew[:10], "-o", "crew.tar", *SETS)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("wrote crew.tar, ")
    assert (tmp_path / "crew.tar").read_bytes() == sample().data
    said = cli("formfile", "verify", "crew.tar")
    assert (said.code, said.err) == (0, "")
    for part in ("crew.tar is sound", ID, f"0x{MAKER.address}", root().hash, "passwd, port", f"{NAME} 0.1.0"):
        assert part in said.out


def test_another_replica_imports_the_record_of_a_bundle_with_its_owners_signature(
    cli: Cli, crew: str, tmp_path: Path
) -> None:
    assert cli("formfile", "build", crew, "-o", "crew.tar", *SETS).code == 0
    other = str(tmp_path / "other")
    assert cli("import", "crew.tar", "--register", "--data-dir", other).code == 0
    shown = cli("show", ID, "--json", "--data-dir", other)
    assert (shown.code, MAKER.address in shown.out) == (0, True)


def test_a_generated_formfile_imports_as_the_agent_that_it_was_written_for(cli: Cli, crew: str, tmp_path: Path) -> None:
    (tmp_path / "Formfile").write_text(cli("formfile", "generate", crew).out)
    said = cli("import", "Formfile", "--json")
    before, after = (json.loads(text)["record"] for text in (cli("show", crew, "--json").out, said.out))
    assert after["name"] == before["name"].replace(" ", "-")
    for field in ("recommended_vcpus", "recommended_memory_mb", "recommended_disk_gb"):
        assert after["resource_requirements"][field] == before["resource_requirements"][field]
    assert after["preferred_models"] == before["preferred_models"]


def test_a_bundle_has_a_name_of_its_own_when_none_is_given(cli: Cli, crew: str, tmp_path: Path) -> None:
    assert cli("formfile", "build", crew, *SETS).code == 0
    assert (tmp_path / f"research-crew-{ID[:12]}.tar").read_bytes() == sample().data


def test_a_bundle_goes_to_stdout_and_is_verified_from_stdin(cli: Cli, crew: str, data_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui_registry", "formfile", "build", crew, "-o", "-", *SETS],
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == sample().data
    assert b"SHA-256" in done.stderr
    assert "stdin is sound" in cli("formfile", "verify", "-", given=done.stdout).out


def test_the_same_record_and_values_give_the_same_bytes_in_any_process(
    data_dir: Path, crew: str, tmp_path: Path
) -> None:
    built = []
    for number, (umask, seed, zone, locale) in enumerate(
        [
            (0o022, "0", "UTC", "C.UTF-8"),
            (0o077, "1", "Asia/Tokyo", "C"),
            (0o000, "random", "America/New_York", "POSIX"),
        ]
    ):
        where = tmp_path / str(number)
        where.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "PYTHONPATH": str(Path.cwd())}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        subprocess.run(
            [sys.executable, "-m", "tui_registry", "formfile", "build", crew, "-o", "x.tar", *SETS],
            cwd=where, env=environment, umask=umask, check=True, capture_output=True,
        )  # fmt: skip
        built.append((where / "x.tar").read_bytes())
    assert built == [sample().data] * 3


def test_a_bundle_with_values_is_for_its_owner_only(cli: Cli, data_dir: Path, crew: str, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"")
    (tmp_path / "x.tar").chmod(0o666)
    cli("formfile", "build", crew, "-o", "x.tar", *SETS)
    assert (tmp_path / "x.tar").stat().st_mode & 0o777 == 0o600


def test_the_password_is_told_nowhere(cli: Cli, crew: str, tmp_path: Path) -> None:
    (tmp_path / "passwd.txt").write_text("sesame\n")
    words = ("--set-file", "passwd=passwd.txt")
    said = [
        cli("formfile", "build", crew, "-o", "x.tar", *words),
        cli("formfile", "build", crew, "-o", "x.tar", *words, "--json"),
        cli("formfile", "verify", "x.tar"),
        cli("formfile", "verify", "x.tar", "--json"),
        cli("formfile", "build", crew, *words, "--set", "vcpus=999"),
    ]
    assert [one.code for one in said] == [0, 0, 0, 0, 1]
    assert not any("sesame" in one.out + one.err for one in said)
    assert b"passwd:sesame" in (tmp_path / "x.tar").read_bytes()


def test_build_and_verify_as_json(cli: Cli, crew: str) -> None:
    built = cli("formfile", "build", crew, "-o", "x.tar", *SETS, "--json").json
    assert built == {
        "file": "x.tar",
        "size": len(sample().data),
        "sha256": built["sha256"],
        "kind": "agent",
        "id": ID,
        "owner": MAKER.address,
        "op": root().hash,
        "values": ["passwd", "port"],
    }
    verified = cli("formfile", "verify", "x.tar", "--json").json
    assert verified.pop("sound") is True
    assert verified == {name: value for name, value in built.items() if name != "size"}


def test_a_bundle_is_of_the_current_operation_and_proves_it_after_a_new_name(
    cli: Cli, crew: str, data_dir: Path
) -> None:
    op = update(root(), name="another crew", version="2.0.0")
    apply(data_dir, op.to_json())
    assert cli("formfile", "build", crew, "-o", "x.tar", *SETS, "--json").json["op"] == op.hash
    assert "another crew 2.0.0" in cli("formfile", "verify", "x.tar").out


def test_verifying_needs_no_replica(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(sample().data)
    assert cli("formfile", "verify", "x.tar").code == 0
    assert not data_dir.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_what_the_builder_would_misread_is_told_and_refused_when_strict(
    cli: Cli, data_dir: Path, tmp_path: Path
) -> None:
    apply(data_dir, root("NAME crew\nVCPU 1\nMEMORY 512\nDISK 5\nEXPOSE 80\n").to_json())
    said = cli("formfile", "build", ID, "-o", "x.tar", "--strict")
    assert (said.code, said.out) == (1, "")
    assert "Formfile:5:1: error" in said.err
    assert "nothing was written" in said.err.splitlines()[-1]
    assert not (tmp_path / "x.tar").exists()
    said = cli("formfile", "build", ID, "-o", "x.tar")
    assert said.code == 0
    assert "Formfile:5:1: warning" in said.err


def test_where_the_formfile_and_the_record_disagree_is_told_by_both(cli: Cli, data_dir: Path) -> None:
    apply(data_dir, root("NAME crew\nVCPU 1\nMEMORY 512\n").to_json())
    warning = "tui-registry: Formfile:1:1: warning: DISK is missing: the record needs at least 5 GB [disagrees]\n"
    for words in (("build", ID, "-o", "x.tar"), ("verify", "x.tar")):
        said = cli("formfile", *words)
        assert (said.code, said.err) == (0, warning)


# What is not built


def test_a_record_in_conflict_is_built_only_when_asked_for(cli: Cli, crew: str, data_dir: Path, tmp_path: Path) -> None:
    ops = [update(root(), version=version) for version in ("2.0.0", "3.0.0")]
    apply(data_dir, *(op.to_json() for op in ops))
    current = min(op.hash for op in ops)
    said = cli("formfile", "build", crew, "-o", "x.tar", *SETS)
    assert is_one_sentence(said, "is in conflict, 2 versions", "--allow-conflict", current[:12])
    assert not (tmp_path / "x.tar").exists()
    said = cli("formfile", "build", crew, "-o", "x.tar", *SETS, "--allow-conflict", "--json")
    assert said.code == 0
    assert said.json["op"] == current
    assert "is in conflict" in said.err
    assert cli("formfile", "verify", "x.tar").code == 0


def test_a_record_without_a_template_is_offered_one(cli: Cli, own: str, tmp_path: Path) -> None:
    assert is_one_sentence(cli("formfile", "build", own), "has no Formfile template", f"formfile generate {own[:12]}")
    assert list(tmp_path.glob("*.tar")) == []


def test_errors_of_the_rendered_formfile_are_told_at_their_places(cli: Cli, crew: str, tmp_path: Path) -> None:
    said = cli("formfile", "build", crew, "-o", "x.tar")
    assert (said.code, said.out) == (1, "")
    lines = said.err.splitlines()
    assert lines[0].startswith(f"tui-registry: {ID[:12]}:9:27: error: 'passwd' has no value")
    assert lines[1] == "    USER username:crew passwd:{{ passwd }}"
    assert lines[2] == " " * 30 + "^"
    assert lines[3].endswith("the Formfile has an error once it is rendered: nothing was written")
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("ffff",), "ffff"),
        ((ID, *SETS, "--set", "prot=1"), "did you mean 'port'?"),
        ((ID, *SETS, "-o", "."), "is a directory"),
        ((ID, *SETS, "-o", "gone/x.tar"), "no such file"),
        ((ID, *SETS, "-o", "a\0b"), "no name of a file"),
        ((ID, "--set-file", "passwd=gone"), "no such file"),
    ],
)
def test_what_cannot_be_built_gets_a_sentence(
    cli: Cli, crew: str, tmp_path: Path, words: tuple[str, ...], part: str
) -> None:
    assert is_one_sentence(cli("formfile", "build", *words), part)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_deleted_record_is_not_built(cli: Cli, own: str) -> None:
    assert cli("delete", own, "--yes").code == 0
    assert cli("formfile", "build", own).code == 1


# What is not sound


def test_a_bundle_that_was_changed_gets_one_sentence_and_exit_1(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(sample().data.replace(b"VCPU 1", b"VCPU 2"))
    assert is_one_sentence(cli("formfile", "verify", "x.tar"), "x.tar: Formfile is not the file")


def test_a_bundle_of_a_record_that_is_another_owners_gets_a_sentence(cli: Cli, tmp_path: Path) -> None:
    forged = changed(sample(), {"op.json": update(root(), by="thief").to_json()})
    (tmp_path / "x.tar").write_bytes(forged)
    assert is_one_sentence(cli("formfile", "verify", "x.tar"), "x.tar: op.json: ", "another owner's")


@pytest.mark.parametrize(
    ("name", "part"), [("gone.tar", "no such file"), (".", "is a directory"), ("a\0b", "no name of a file")]
)
def test_a_bundle_that_cannot_be_read_gets_a_sentence(cli: Cli, name: str, part: str) -> None:
    assert is_one_sentence(cli("formfile", "verify", name), part)


def test_a_stream_without_an_end_is_read_no_further_than_a_bundle_can_be(cli: Cli) -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("needs /dev/zero")
    assert is_one_sentence(cli("formfile", "verify", "/dev/zero"), "1,048,576")


def test_a_name_of_escapes_never_reaches_the_terminal_raw(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    op = update(root(), name="crew\x1b[31m\u202e")
    (tmp_path / "x.tar").write_bytes(make_bundle(read_signed(op.to_json(), NAME), VALUES).data)
    said = cli("formfile", "verify", "x.tar")
    assert said.code == 0
    assert not set(said.out + said.err) & {"\x1b", "\u202e"}
