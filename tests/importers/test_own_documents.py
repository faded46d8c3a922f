"""Our own descriptions: what they mean stays what they say, but a Formfile in another form becomes text."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.importers.made import at
from tui_registry.errors import Json
from tui_registry.importers import Finding, SourceError, read_draft, read_source

FORMFILE = "NAME helper\nVCPU 2\nMEMORY 2048\nDISK 10\n"


def test_a_formfile_in_base64_becomes_text_and_says_so() -> None:
    encoded = base64.b64encode(FORMFILE.encode()).decode()
    found = read_draft({"kind": "agent", "name": "x", "formfile_template": encoded}, "x.json")
    assert at(found, "formfile_template") == FORMFILE
    assert found.origins["formfile_template"] == "formfile_template, given in its base64 form"


def test_a_formfile_in_the_builders_json_becomes_text(tmp_path: Path) -> None:
    built = {"name": "helper", "build_instructions": [], "system_config": [{"Cpu": 2}], "users": []}
    (tmp_path / "a.json").write_text(json.dumps({"kind": "agent", "name": "x", "formfile_template": built}))
    (found,) = read_source(tmp_path / "a.json")
    assert isinstance(found, Finding)
    assert found.problems == ()
    assert "NAME helper" in at(found, "formfile_template")
    assert "JSON form" in found.origins["formfile_template"]


def test_a_plain_formfile_stays_as_it_is() -> None:
    for template in (FORMFILE, "", "RUN echo e30=\n"):
        found = read_draft({"kind": "agent", "name": "x", "formfile_template": template}, "x.json")
        assert at(found, "formfile_template") == template
        assert found.origins == {}


@pytest.mark.parametrize("member", [{"heads": []}, {"heads": ["zz"]}, {"heads": None}, {"id": "3fa9c1"}, {"id": 5}])
def test_what_guards_an_export_is_told_when_it_is_damaged(member: dict[str, Json]) -> None:
    found = read_draft({"kind": "agent", "record": {"name": "x"}, **member}, "x.json")
    assert found.record is None
    assert [problem.path for problem in found.problems] == list(member)


def test_an_export_may_leave_its_guards_out_and_keeps_them_otherwise() -> None:
    bare = read_draft({"kind": "agent", "record": {"name": "x"}}, "x.json")
    assert (bare.problems, bare.id, bare.heads) == ((), None, ())
    guards: dict[str, Json] = {"id": "a" * 64, "heads": ["b" * 64, "c" * 64]}
    found = read_draft({"kind": "agent", "record": {"name": "x"}, **guards}, "x.json")
    assert (found.problems, found.id, found.heads) == ((), "a" * 64, ("b" * 64, "c" * 64))


def test_what_a_node_answered_is_a_draft_that_remembers_its_heads() -> None:
    told: Json = {"name": "x", "parameters": 7, "revision": "d" * 64, "conflict": False, "heads": ["b" * 64]}
    found = read_draft(told, "a node")
    assert (found.kind, found.problems, found.heads) == ("model", (), ("b" * 64,))


def test_a_name_longer_than_the_system_takes_gets_a_sentence() -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_source("x" * 5000))
