"""Agents as people keep them for their coding tools: Markdown below front matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source

CLAUDE = """---
name: reviewer
description: Reviews changes before they land. Use it after each edit.
tools: Read, Grep, Bash(git diff:*, git log:*)
model: sonnet
color: blue
---

You are a careful reviewer. The token is s3cr3t-in-the-text.
"""
OPENCODE = """---
description: Plans without touching files
mode: subagent
model: lab/tiny-3
tools:
  read: true
  write: false
---
Plan.
"""
COPILOT = """---
description: Writes tests
tools: ["search", "edit"]
---
Write tests.
"""


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize(
    ("name", "text", "wanted", "tools"),
    [
        ("a.md", CLAUDE, "reviewer", ["Read", "Grep", "Bash(git diff:*, git log:*)"]),
        ("planner.md", OPENCODE, "planner", ["read"]),
        ("tests.agent.md", COPILOT, "tests", ["search", "edit"]),
    ],
)
def test_an_agent_file_gives_a_draft(tmp_path: Path, name: str, text: str, wanted: str, tools: list[str]) -> None:
    (tmp_path / name).write_text(text)
    found = read(tmp_path / name)
    assert found.problems == ()
    assert (found.kind, at(found, "name"), at(found, "tools")) == ("agent", wanted, tools)
    assert at(found, "description") in text
    assert not any("s3cr3t" in part for part in (*found.notes, str(found.record)))


def test_what_it_asks_for_and_what_it_is_told_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(CLAUDE)
    notes = " ".join(read(tmp_path / "a.md").notes)
    assert "it asks for the model sonnet" in notes
    assert "what it is told, 60 characters, is in no field and stays in the file" in notes


def test_in_a_folder_agents_are_read_and_other_markdown_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    for name, text in (("reviewer.md", CLAUDE), ("planner.md", OPENCODE), ("notes.md", "# Notes\nName: x\n"),
                       ("post.md", "---\nlayout: post\ndescription: x\nmode: y\n---\nWords")):  # fmt: skip
        (tmp_path / "agents" / name).write_text(text)
    found = [one for one in read_source(tmp_path) if isinstance(one, Finding)]
    assert [at(one, "name") for one in found] == ["planner", "reviewer"]


@pytest.mark.parametrize(
    "matter",
    [
        "description: x\ntools: [1, {a: b}]\n", "description: x\ntools: 7\nmodel: [a]\n",
        "description: x\ntools: " + "Read(" * 5_000 + "\n", "description: [x]\ntools: Read\n",
        "description: x\nmode: &a [*a]\n", "description: x\ntools: Read\n" + "k: v\n" * 50, "tools: Read\n",
    ],
    ids=range(7),
)  # fmt: skip
def test_odd_front_matter_gives_a_draft_or_a_sentence(tmp_path: Path, matter: str) -> None:
    (tmp_path / "odd.md").write_text(f"---\n{matter}---\nWords.\n")
    found = read(tmp_path / "odd.md")
    assert found.record is not None or "\n" not in found.problems[0].sentence


# As the tool that writes these files for people writes them: no YAML, and no tools where it may use all of them.
WRITTEN = """---
name: {}
description: Use this agent to review code. Examples: <example>Context: Written. user: 'Look' # now</example>{}
---

You review.
"""


def test_a_description_that_is_no_yaml_is_taken_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "written.md").write_text(WRITTEN.format("written", "\nmodel: opus\ncolor: red"))
    found = read(tmp_path / "written.md")
    assert str(at(found, "description")).endswith("Written. user: 'Look' # now</example>")
    assert "description is no YAML, so its line was taken as it stands (line 3)" in found.notes


@pytest.mark.parametrize("way", [".", "agents"])
def test_in_a_folder_of_agents_a_name_and_a_description_are_enough(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "plain.md").write_text(WRITTEN.format("plain", ""))
    (folder / "coloured.md").write_text("---\nname: coloured\ndescription: x\ncolor: red\n---\nx")
    (folder / "SKILL.md").write_text("---\nname: skill\ndescription: x\n---\nx")
    (folder / "README.md").write_text("# Our agents\n")
    found = [one for one in read_source(tmp_path / way) if isinstance(one, Finding)]
    assert [at(one, "name") for one in found if one.record is not None] == ["coloured", "plain"]
    assert at(read(folder / "plain.md"), "name") == "plain"


def test_elsewhere_a_name_and_a_description_alone_are_no_agent(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("---\nname: x\ndescription: y\n---\nx")
    assert "is an agent skill" in read(tmp_path / "x.md").problems[0].sentence
    (tmp_path / "x.agent.md").write_text("---\nname: x\ndescription: y\nargument-hint: z\n---\nx")
    assert read(tmp_path / "x.agent.md").record is not None
