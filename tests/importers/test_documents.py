"""Our own descriptions: what they mean stays what they say, but a Formfile in another form becomes text."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.importers.made import at
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


def test_a_name_longer_than_the_system_takes_gets_a_sentence() -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_source("x" * 5000))
