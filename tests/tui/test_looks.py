"""How records look: nothing is said twice, hashes stand by themselves, what authors write is only read, and wide
terminals are used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from textual.content import Content

import tui_registry.tui.register
from tests.seeds import NOW, make_record
from tests.trust.strings import STRINGS, dangers
from tests.tui.driving import notice_changes, press, replica, running, screen_text, settle
from tui_registry.datastore import Datastore, Entry, ManifestEntry
from tui_registry.errors import Record
from tui_registry.fit import GIB, Gpu, Machine
from tui_registry.records.schema import defaults
from tui_registry.tui.browse import record_detail as detail
from tui_registry.tui.kit.authored import FORMFILE_STYLES, formfile_lines, markdown_lines
from tui_registry.tui.kit.text_flow import Flow, Layout, TextBody
from tui_registry.tui.register.area_rows import DescriptionRow

AROUND = detail.Surroundings(NOW, {}, "")
MACHINE = Machine("this machine", (Gpu("RTX", 11 * GIB, None),), 32 * GIB, None, 16)
# Each of these stands in one field of the record or its manifest, and nowhere else in the detail.
FACTS = (
    "0.3.7", "Apache-2.0", "Multimodal", "JAX", "INT4", "12,345,678,901", "98,765 tokens", "1,234 tokens/s",
    "harbour-talk", "night-shift", "A lamp at sea", "6 GB", "12 GB", "lamp-7b-Q8.gguf", "lamp.example/docs",
    "nl, pt-BR", "MMLU accuracy 0.713", "RUN pip install lamp", "Answers wrongly in Dutch", "nobody else",
)  # fmt: skip


@contextmanager
def whole(folder: Path) -> Iterator[tuple[Entry, ManifestEntry]]:
    """A record that says something in every field, and what stands behind it."""
    with replica(folder) as datastore:
        record = make_record(
            "model", "lamp", version="0.3.7", license="Apache-2.0", model_type="Multimodal", framework="JAX",
            quantization="INT4", parameters=12_345_678_901, context_length=98_765, input_tokens_per_second=1_234,
            tags=["harbour-talk"], capabilities=["night-shift"], description="# A lamp at sea\n\nFor **nobody else**.",
            formfile_template="NAME lamp\nRUN pip install lamp\n",
        )  # fmt: skip
        needs = record["resource_requirements"]
        assert isinstance(needs, dict)
        record["resource_requirements"] = {
            **needs, "min_memory_mb": 6_144, "recommended_memory_mb": 12_288, "min_disk_gb": 77, "recommended_disk_gb": 88,
            "requires_gpu": True, "min_vram_gb": 24,
        }  # fmt: skip
        file = {
            "uri": "lamp-7b-Q8.gguf",
            "media_type": "",
            "sha256": "5f2a" * 16,
            "size_bytes": 10**9,
            "quantization": None,
        }
        manifest: Record = defaults("manifest") | {
            "status": "Deprecated", "status_message": "Answers wrongly in Dutch", "superseded_by": "ab" * 32,
            "artifacts": [file], "languages": ["nl", "pt-BR"], "documentation_url": "https://lamp.example/docs",
            "evaluations": [{"benchmark": "MMLU", "metric": "accuracy", "value": "0.713", "source": ""}],
        }  # fmt: skip
        key = datastore.add("model", record, manifest=manifest).key
        shown = detail.read_shown(datastore, key, "model")
        entry, behind = shown.entry, shown.behind
        assert entry is not None
        assert behind is not None
        yield entry, behind


def texts(entry: Entry, behind: ManifestEntry) -> dict[str, str]:
    """What stands in the header and in each tab that needs no more than the record."""
    layouts: dict[str, Layout] = {
        "header": partial(detail.header, entry, AROUND, behind=behind),
        "overview": partial(detail.overview, entry, AROUND),
        "requirements": partial(detail.requirements, entry, MACHINE),
        "formfile": partial(detail.formfile, entry),
        "sources": partial(detail.sources, entry, behind),
        "proof": partial(detail.proof, entry, behind, AROUND),
    }
    return {name: layout(100).plain for name, layout in layouts.items()}


def test_no_fact_is_said_twice_in_the_detail_and_hex_stands_in_its_own_tab(tmp_path: Path) -> None:
    with whole(tmp_path) as (entry, behind):
        told = texts(entry, behind)
    shown = "\n".join(told[name] for name in told if name != "proof")
    # A file is named where its digest stands too: that is what the digest is of.
    assert {fact: shown.count(fact) for fact in FACTS} == dict.fromkeys(FACTS, 1)
    assert not re.search("[0-9a-f]{16}", shown)
    for digits in (
        entry.id,
        str(entry.record["owner_id"]),
        *entry.live_heads,
        *behind.live_heads,
        "ab" * 32,
        "5f2a" * 16,
    ):
        assert told["proof"].count(digits) == 1, digits


def test_what_a_record_needs_stands_as_bars_beside_what_a_machine_has(tmp_path: Path) -> None:
    with whole(tmp_path) as (entry, _):
        known = detail.requirements(entry, MACHINE, 80).plain
        unknown = detail.requirements(entry, None, 80).plain
        narrow = detail.requirements(entry, MACHINE, 36).plain
    assert known.count("this machine") == 3
    assert re.search(r"this machine +! 11 GB  █+░+", known)
    assert re.search(r"this machine +32 GB  █+\n", known)
    assert "this machine" not in unknown
    assert "6 GB" in narrow
    assert "█" not in narrow


def test_all_tabs_have_room_on_eighty_columns_and_beside_a_list_on_160() -> None:
    assert len("  ".join(detail.TABS.values())) <= 64


def test_kinds_are_told_apart_by_a_sign_and_a_word() -> None:
    from tui_registry.present.columns import KIND_SIGNS

    assert len(set(KIND_SIGNS.values())) == len(KIND_SIGNS) == 2


# What authors write


def actions_in(lines: list[Content]) -> list[str]:
    """What in laid out text could do something: an action, a link, a piece of markup that was taken for one."""
    return [str(span.style) for line in lines for span in line.spans if re.search("@|link|click", str(span.style))]


@pytest.mark.parametrize("name", STRINGS)
def test_a_hostile_description_is_text_and_nothing_more(name: str) -> None:
    text = STRINGS[name].replace("\0", "")
    for description in (
        text,
        f"# {text}\n\n- {text}\n\n> {text}",
        f"[{text}]({text})",
        f"`{text}`",
        f"| {text} |\n|-|\n| {text} |",
    ):
        lines = markdown_lines(description, 60)
        assert not actions_in(lines)
        assert not dangers("\n".join(line.plain for line in lines)), description
    assert not dangers("\n".join(line.plain for line in formfile_lines(text, 60)))


def test_what_markdown_decodes_of_its_own_escapes_is_made_safe_again() -> None:
    lines = markdown_lines("&#x202e;gnp&#x9b;31m&#27;[2J &rlm; [a](http://x/&#x202e;) `&#x202e;`", 60)
    assert not dangers("\n".join(line.plain for line in lines))


def test_a_link_says_where_it_leads_and_a_picture_is_words() -> None:
    (line,) = markdown_lines("[card](https://a.b/c), <https://a.b>, ![lamp](http://t.r/x.png)", 100)
    assert line.plain == "card (https://a.b/c), https://a.b, [picture: lamp] (http://t.r/x.png)"
    assert not actions_in([line])


def test_markdown_is_laid_out_with_its_lists_code_and_tables() -> None:
    text = "# One\ntwo\n- a\n  - b\n3. c\n\n> d\n\n```\n x\n```\n\n| k | v |\n|---|---|\n| l | 1 |"
    assert [line.plain.rstrip() for line in markdown_lines(text, 40)] == [
        "One", "", "two", "", "• a", "  • b", "", "3. c", "", "┃ d", "", "   x", "", "k │ v", "──┼──", "l │ 1",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["[" * 10_000, "> " * 5_000 + "x", "- " * 5_000 + "x", "* a\n" * 2_500, "a" * 10_000])
def test_a_giant_or_deep_description_leaves_its_lines_half_of_the_width(text: str) -> None:
    lines = markdown_lines(text, 40)
    assert len(lines) <= 10_000
    assert all(line.cell_length <= 40 for line in lines)


def test_the_colours_of_a_formfile_are_those_of_its_editor() -> None:
    css = (Path(tui_registry.tui.register.__file__).parent / "register.tcss").read_text()
    for kind, style in FORMFILE_STYLES.items():
        rule = next(
            body
            for names, body in re.findall(r"([^{}]+)\{([^}]*)\}", css)
            if f"--{kind}\n" in f"{names.strip()}\n".replace(",", "")
        )
        assert set(re.findall(r"\$[\w-]+|bold|italic|dim|underline", rule)) == set(style.split()), kind


async def test_the_form_shows_a_description_as_the_detail_does(tmp_path: Path) -> None:
    text = "# Lamp\n\nOf **light** and [sea](https://a.b)."
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "lamp", description=text))
        async with running(datastore, (160, 50)) as (app, pilot):
            assert "Of light and sea (https://a.b)." in screen_text(app)
            await press(pilot, "e")
            sheet = str(app.screen.query_one("#sheet", Flow).render())
            row = app.screen.query_one(DescriptionRow)
            row.focus_control()
            await press(pilot, "f4")
            flow = row.query_one(Flow)
            width = flow.content_size.width
            assert str(flow.render()) == "\n".join(line.plain for line in markdown_lines(text, width))
            assert "Of light and sea (https://a.b)." in sheet


async def test_what_is_read_stays_where_it_is_while_data_changes(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        text = "\n\n".join(f"paragraph {number}" for number in range(60))
        key = datastore.add("model", make_record("model", "long", description=text)).key
        async with running(datastore, (100, 30)) as (app, pilot):
            await press(pilot, "enter")
            await settle(pilot)
            body = app.screen.query_one(TextBody)
            assert body.max_scroll_y > 0
            await press(pilot, "pagedown", "pagedown")
            before, shown = body.scroll_y, screen_text(app)
            assert before > 0
            datastore.add("model", make_record("model", "another"))
            await notice_changes(pilot)
            assert body.scroll_y == before
            entry = datastore.entry(key)
            assert entry is not None
            datastore.update("model", key, {**entry.record, "version": "2.0.0"}, entry.heads)
            await notice_changes(pilot)
            assert "2.0.0" in screen_text(app)
            assert body.scroll_y == before
            assert set(re.findall(r"paragraph \d+", screen_text(app))) == set(re.findall(r"paragraph \d+", shown))


# Wide terminals


def quarters(app_text: str) -> list[int]:
    """In how many lines of the body each quarter of the columns has a letter, a digit or a bar."""
    lines = app_text.splitlines()[1:-2]
    width = max(map(len, lines))
    edges = [width * k // 4 for k in range(5)]
    return [sum(bool(re.search(r"[\w━█]", line[left:right])) for line in lines) for left, right in pairwise(edges)]


@pytest.mark.parametrize("size", [(160, 50), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_on_a_wide_terminal_no_screen_leaves_a_part_of_its_columns_empty(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with replica(tmp_path, 12) as datastore:
        furnish(datastore)
        async with running(datastore, size) as (app, pilot):
            for name, *keys in (
                ("Browse",), ("filters", "f"), ("Compare", "f", "g", "space", "space", "="), ("Register", "escape", "2"),
                ("Sync", "escape", "3"), ("Quarantine", "x"), ("History", "escape", "4", "m"), ("Settings", "5", "j", "j", "j"),
            ):  # fmt: skip
                await press(pilot, *keys)
                assert min(quarters(screen_text(app))) >= 2, (name, screen_text(app))


def furnish(datastore: Datastore) -> None:
    for name in ("attic", "cellar"):
        datastore.peers.add(name, f"http://{name}.example:9")
        datastore.peers.finish_pull(name, None, "connection refused")
    line = datastore.log.lines(0, 1)[0]
    datastore.apply([line.replace(b'"name":"', b'"name":"x', 1), line[:700]], source="push:192.0.2.7")
