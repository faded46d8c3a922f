"""The table of formats: each row has a reader that fits it, and every text that lists formats comes from it."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser

import pytest

from tui_registry.cli.commands import COMMANDS
from tui_registry.importers.formats import FILES, FORMATS, NAMES, WEIGHTS, Format, help_lines, reader_of

FOREIGN = [each for each in FORMATS if each.module != "own_documents"]


@pytest.mark.parametrize("row", FOREIGN, ids=lambda row: row.module)
def test_a_format_has_a_reader_for_each_way_in_which_it_comes(row: Format) -> None:
    reader = reader_of(row)
    ways = (row.text, row.folder, row.store, row.server)
    assert [bool(row.weights), row.documents, *(way is not None for way in ways)] == [
        part is not None
        for part in (reader.weights, reader.document, reader.text, reader.folder, reader.store, reader.ask)
    ]
    assert reader.linked is None or row.documents


def test_forms_of_weights_have_one_name_each() -> None:
    assert len(WEIGHTS) == sum(len(row.weights) for row in FORMATS)
    assert {weights.stands_for for weights in WEIGHTS.values()} <= {"", *WEIGHTS}


def test_what_lists_formats_lists_all_of_them() -> None:
    parser = ArgumentParser()
    COMMANDS["import"].arguments(parser)
    told = " ".join((parser.description or "").split())
    for row in FORMATS:
        assert " ".join(row.help.split()) in told
        assert row.name in NAMES
        assert row.in_files in FILES
    assert all(len(line) <= 80 for line in help_lines(80).splitlines())


def test_the_words_of_the_table_need_none_of_its_readers() -> None:
    code = (
        "import sys; from tui_registry.importers.formats import help_lines; help_lines(100);"
        "print(*(name for name in sys.modules if name.startswith('tui_registry.importers.')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["tui_registry.importers.formats"]
