"""One licence has one spelling: the authoring rule proposes it, importers write it, a search finds it however it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.seeds import make_record
from tui_registry import licences
from tui_registry.datastore import Datastore
from tui_registry.importers.draft_writer import spdx
from tui_registry.licences import SPELLINGS, licence_fault
from tui_registry.query import Document, matches, parse

WRITTEN = [(word, name) for name, others in SPELLINGS.items() for word in others.split()]
# What the rule proposed before there was one table, where it differs by more than case.
FORMER = [(former, name) for name in SPELLINGS for former in licences.alike(name)[1:]]


def proposed(written: str) -> str:
    """What the rule tells an author to write; the words themselves where they are right."""
    fault = licence_fault(written)
    return written if fault is None else fault.sentence.rpartition(" write ")[2]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_licence_of_the_table_can_be_signed_as_it_is_spelt(name: str) -> None:
    assert licence_fault(name) is None
    licence_fault.cache_clear()
    assert licences.meant(name) == (name,)
    assert licences.meant(name.lower()) == (name,)


@pytest.mark.parametrize(("written", "name"), [*WRITTEN, *FORMER])
def test_the_rule_proposes_what_importers_write(written: str, name: str) -> None:
    fault = licence_fault(written)
    imported = spdx(written)
    assert fault is not None
    if fault.code == "license_ambiguous":
        assert name in licences.meant(written)
        assert imported.expression == written
        assert imported.note == f"{written} is a family of licences: name the one that is meant"
    else:
        assert proposed(written) == imported.expression == name
        assert imported.note is None
    assert proposed(written.upper()) == proposed(written) or fault.code == "license_ambiguous"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("c-uda", "C-UDA-1.0"),
        ("C-UDA", "C-UDA-1.0"),
        ("openrail", "LicenseRef-OpenRAIL"),
        ("LicenseRef-openrail", "LicenseRef-OpenRAIL"),
        ("deepfloyd-if-license", "LicenseRef-DeepFloyd-IF"),
        ("LicenseRef-deepfloyd-if-license", "LicenseRef-DeepFloyd-IF"),
        ("MIT OR LicenseRef-c-uda", "MIT OR C-UDA-1.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
    ],
)
def test_spellings_that_came_out_differently_come_out_the_same(written: str, name: str) -> None:
    assert proposed(written) == spdx(written).expression == name


@pytest.mark.parametrize("family", ["bsd", "cc", "apache", "gpl", "GPL-3", "mpl", "llama", "rail"])
def test_families_stay_ambiguous_for_authors_and_importers(family: str) -> None:
    fault = licence_fault(family)
    assert fault is not None
    assert fault.code == "license_ambiguous"
    assert spdx(family).expression == family


@pytest.mark.parametrize("word", ["", "none", "other", "N/A", "custom", "unlicensed", "proprietary"])
def test_no_licence_is_none_for_authors_and_importers(word: str) -> None:
    fault = licence_fault(word)
    assert fault is not None
    assert "names no licence" in fault.sentence
    assert spdx(word).note is not None


@pytest.mark.parametrize(("written", "name"), [*WRITTEN, *FORMER])
def test_a_search_finds_a_licence_by_each_of_its_spellings(written: str, name: str) -> None:
    for held in licences.alike(name):
        document = Document("model", {"license": held})
        assert matches(parse(f"license:{written}"), document)
        assert matches(parse(f"license:{name}"), document)
        assert matches(parse(f"license:{name.lower()}"), document)
    assert not matches(parse(f"license:{written}"), Document("model", {"license": "LicenseRef-House"}))


def test_a_replica_finds_and_counts_both_spellings_as_one(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        for number, licence in enumerate(
            ("LicenseRef-deepfloyd-if-license", "LicenseRef-DeepFloyd-IF", "LicenseRef-openrail", "LicenseRef-OpenRAIL")
        ):
            datastore.add("model", make_record("model", f"model-{number}", license=licence))
        for query in ("license:deepfloyd-if-license", "license:LicenseRef-DeepFloyd-IF", "license:openrail"):
            assert len(datastore.search(query).rows) == 2, query
            assert len(datastore.search(f"model {query} -tag:x").rows) == 2, query
        assert len(datastore.search("license:=LicenseRef-deepfloyd-if-license").rows) == 1
        for query in ("", "model"):
            counted = {value.value: value.records for value in datastore.facets(query).values["license"]}
            assert counted == {"LicenseRef-DeepFloyd-IF": 2, "LicenseRef-OpenRAIL": 2}


def test_a_search_does_not_import_the_list_of_licences() -> None:
    script = "from tui_registry.query import parse; parse('license:apache2'); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"packaging", "rapidfuzz"} & set(loaded)


@pytest.mark.parametrize(
    ("made", "base", "clashes"),
    [
        ("MIT", "CC-BY-NC-4.0", True),
        ("MIT", "GPL-3.0-only", True),
        ("Apache-2.0", "CC-BY-SA-4.0", True),
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0", True),
        ("GPL-2.0-only", "Apache-2.0", True),
        ("GPL-3.0-only", "Apache-2.0", False),
        ("GPL-3.0-or-later", "CC-BY-SA-4.0", False),
        ("CC-BY-NC-4.0", "MIT", False),
        ("LicenseRef-llama3", "CC-BY-NC-4.0", False),
        ("MIT OR GPL-3.0-only", "GPL-3.0-only", False),
        ("MIT", "LicenseRef-llama3", False),
    ],
)
def test_a_licence_clashes_only_where_the_texts_leave_no_doubt(made: str, base: str, clashes: bool) -> None:
    assert (licences.clash(made, base) is not None) == clashes
