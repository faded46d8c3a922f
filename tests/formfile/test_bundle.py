"""The build bundle: one spelling, everything in it follows from the signed operation and the values given."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest
from hypothesis import given, strategies as st

from tests.formfile.bundles import MAKER, NAME, TEMPLATE, VALUES, files, root, sample, signed_record, update
from tests.seeds import signed
from tui_registry.cli.build import read_signed
from tui_registry.crdt import parse_op
from tui_registry.errors import RegistryError
from tui_registry.formfile import parse
from tui_registry.formfile.bundle import (
    LATEST,
    ArchiveError,
    Bundle,
    BundleError,
    check_bundle,
    make_bundle,
    read_archive,
    write_archive,
)


def check(data: bytes) -> Bundle:
    return check_bundle(data, read_signed)


def test_the_bytes_of_a_bundle_are_frozen() -> None:
    # A bundle is verified by making it again: whoever changes one byte of it, here or in the renderer, makes format 2.
    assert hashlib.sha256(sample().data).hexdigest() == (
        "d4c59e3f1ea28173d03b6462445dfa6cdac2b82607de171c6ae62d36e31ca40c"
    )


def test_a_bundle_holds_the_rendered_formfile_the_operation_the_record_and_their_sums() -> None:
    bundle = sample()
    held = files(bundle)
    assert list(held) == ["manifest.json", "Formfile", "op.json", "record.json"]
    assert held["Formfile"].decode() == bundle.formfile
    assert "DESCRIPTION Reads papers — slowly\nVCPU 1\nMEMORY 1024\nDISK 10\n" in bundle.formfile
    assert "ENV PORT=80\n" in bundle.formfile
    assert not parse(bundle.formfile, secrets=False).errors
    assert held["op.json"] == root().to_json()
    assert json.loads(held["record.json"]) == root().record
    assert held["manifest.json"].isascii()
    assert held["record.json"].isascii()
    assert json.loads(held["manifest.json"]) == {
        "bundle": 1,
        "kind": "agent",
        "id": root().key,
        "owner": MAKER.address,
        "op": root().hash,
        "registered_as": NAME,
        "values": VALUES,
        "files": {
            name: {"size": len(held[name]), "sha256": hashlib.sha256(held[name]).hexdigest()}
            for name in ("Formfile", "op.json", "record.json")
        },
    }


def test_every_tar_reads_it_and_finds_the_same_owner_mode_and_time_for_every_member() -> None:
    bundle = sample()
    with tarfile.open(fileobj=io.BytesIO(bundle.data), mode="r:") as archive:
        members = archive.getmembers()
        assert {name: archive.extractfile(name).read() for name in archive.getnames()} == files(bundle)  # type: ignore[union-attr]
    for member in members:
        assert member.isreg()
        assert (member.mode, member.uid, member.gid, member.uname, member.gname) == (0o644, 0, 0, "", "")
        assert member.mtime == bundle.signed.updated_at
    assert not archive.pax_headers


def test_the_order_in_which_values_are_given_does_not_show() -> None:
    again = make_bundle(signed_record(), dict(reversed(list(VALUES.items()))))
    assert again.data == sample().data


def test_a_sound_bundle_verifies_as_what_it_was_made_of() -> None:
    bundle = sample()
    assert check(bundle.data) == bundle


def test_the_operation_in_it_proves_its_author_without_a_replica() -> None:
    op = parse_op(files(sample())["op.json"])
    assert (op.computed_hash(), op.signer()) == (op.hash, MAKER.address)


def test_a_renamed_record_verifies_by_the_name_that_its_id_came_from() -> None:
    op = update(root(), name="another name", version="2.0.0")
    bundle = make_bundle(read_signed(op.to_json(), NAME), VALUES)
    assert check(bundle.data).signed.record["name"] == "another name"


def test_a_time_that_tar_cannot_write_becomes_the_last_that_it_can() -> None:
    op = signed(MAKER, "agent", NAME, at=253402300799, formfile_template="NAME x\n")
    bundle = make_bundle(read_signed(op.to_json(), NAME), {})
    assert check(bundle.data).signed.updated_at == 253402300799
    with tarfile.open(fileobj=io.BytesIO(bundle.data)) as archive:
        assert {member.mtime for member in archive} == {LATEST}


_text = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="{}\"'#\\"), min_size=1, max_size=20)


@given(name=_text, port=_text, many=st.integers(0, 5), at=st.integers(0, 253402300799))
def test_whatever_is_built_verifies(name: str, port: str, many: int, at: int) -> None:
    lines = "".join(f"ENV P{n}={{{{ port }}}}\nRUN echo {{{{ name }}}} # {name}\n" for n in range(many))
    op = signed(MAKER, "model", name, at=at, formfile_template=f"#? port = 1\nNAME x\n{lines}")
    bundle = make_bundle(read_signed(op.to_json(), name), {"port": port} if many else {})
    assert check(bundle.data) == bundle
    assert make_bundle(bundle.signed, bundle.values).data == bundle.data


# What cannot be built


@pytest.mark.parametrize(
    ("template", "values", "code", "part"),
    [
        ("", {}, "no_template", "no Formfile template"),
        (" \n\t\n", {}, "no_template", "no Formfile template"),
        (TEMPLATE, {}, "formfile", "has an error"),
        ("VCPU 1\nFROM debian\n", {}, "formfile", "2 errors"),
        ("#? a\nNAME x\nENV A={{ a }}\n", {"a": "1\n2"}, "formfile", "has an error"),
        ("#? a\nNAME x\nENV A={{ a }}\n", {"a": "\udcff"}, "formfile", "has an error"),
        (TEMPLATE, {**VALUES, "prot": "1"}, "no_placeholder", "did you mean 'port'?"),
        (TEMPLATE, {**VALUES, "zzz": "1"}, "no_placeholder", "it has description, vcpus"),
        ("NAME x\n", {"port": "1"}, "no_placeholder", "it has none"),
        ("NAME x\n" + "RUN echo {{ description }}\n" * 800, {}, "too_large", "at most 262,144"),
        ("NAME x\n# {{ a }}\nENV A={{ a }}\n", {"a": "x" * 200_000}, "too_large", "at most 262,144"),
    ],
)
def test_what_cannot_be_built_gets_a_code_and_a_sentence(
    template: str, values: dict[str, str], code: str, part: str
) -> None:
    op = signed(MAKER, "agent", NAME, formfile_template=template, description="d" * 9_000)
    with pytest.raises(BundleError) as raised:
        make_bundle(read_signed(op.to_json(), NAME), values)
    assert raised.value.code == code
    assert part in raised.value.sentence
    assert bool(raised.value.problems) == (code == "formfile")


def test_problems_of_a_rendered_formfile_carry_the_lines_of_the_template() -> None:
    with pytest.raises(BundleError) as raised:
        make_bundle(signed_record(), {"passwd": "x", "vcpus": "999"})
    (problem,) = raised.value.problems
    assert (problem.line, problem.code) == (6, "too_large")


def test_an_operation_that_only_claims_a_record_is_refused() -> None:
    # It passes every rule that needs no other operation: only its id shows that it is somebody else's.
    forged = update(root(), by="a thief")
    with pytest.raises(RegistryError, match="another owner's"):
        read_signed(forged.to_json(), NAME)


# The archive alone


@given(
    members=st.dictionaries(
        st.text(st.characters(codec="ascii", exclude_categories=("C",)), min_size=1, max_size=100),
        st.binary(max_size=1500),
        max_size=4,
    ),
    modified=st.integers(0, LATEST),
)
def test_an_archive_reads_back_as_what_was_written(members: dict[str, bytes], modified: int) -> None:
    data = write_archive(members, modified)
    found = read_archive(data, {name: len(content) for name, content in members.items()})
    assert found.members == members
    assert list(found.members) == list(members)
    assert found.modified == (modified if members else 0)


@given(st.binary(max_size=4096))
def test_any_bytes_are_an_archive_or_an_archive_error(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        read_archive(data, {"a": 10})
