"""What stands behind a record, filled in by keyboard with it: files, lineage, interfaces, evaluations, status."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from textual.events import Paste
from textual.widgets import Input

from tests.tui.form_app import FormApp, clock, go_to, lines, model, settled, tab_to, typed, under
from tests.tui.form_records import values_of
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore, Entry
from tui_registry.errors import KINDS, Json, Record
from tui_registry.present.imports import Candidate
from tui_registry.present.manifest_rows import SAID
from tui_registry.records import schema
from tui_registry.records.schema import MANIFEST_FIELDS, Struct, defaults
from tui_registry.tui.register.entry_rows import EntriesRow
from tui_registry.tui.register.form_body import FormBody
from tui_registry.tui.register.form_fields import entry_words, form_fields, to_manifest, to_texts
from tui_registry.tui.register.form_state import FormState, as_draft, from_draft
from tui_registry.tui.register.register_screen import RegisterScreen

DIGEST = "0123456789abcdef" * 4
URI = "hf://org/tiny/tiny.safetensors"


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


def behind(datastore: Datastore, record_id: str) -> Record:
    found = datastore.manifests.get(record_id)
    assert found is not None
    assert found.manifest is not None
    return found.manifest


def entry_of(datastore: Datastore, record_id: str) -> Entry:
    entry = datastore.entry(record_id)
    assert entry is not None
    return entry


def row(app: FormApp, path: str) -> EntriesRow:
    return app.form.query_one("#field-" + path.replace(".", "-"), EntriesRow)


def manifest(**fields: Json) -> Record:
    return defaults("manifest") | fields


def artifact(uri: str = URI, **fields: Json) -> Record:
    (of,) = (
        field.type.of for field in MANIFEST_FIELDS if field.name == "artifacts" and isinstance(field.type, schema.Many)
    )
    assert isinstance(of, Struct)
    return {leaf.name: leaf.default for leaf in of.fields} | {"uri": uri} | fields


# ---- the texts


@given(values_of(Struct(MANIFEST_FIELDS)))
def test_a_manifest_of_any_shape_comes_back_as_it_was_from_its_texts(value: Json) -> None:
    assert isinstance(value, dict)
    for kind in KINDS:
        manifest = {**value, "subject_kind": kind.capitalize()}
        texts = to_texts(kind, defaults(kind), manifest)
        again, problems = to_manifest(kind, texts, manifest)
        # An empty digest is none, and one with its name before it is the digest; none of either can be signed
        if not problems and "" not in _digests(manifest):
            assert again == manifest or (again is None and not _stated(manifest))


def _stated(manifest: Record) -> list[str]:
    fresh = defaults("manifest")
    return [name for name in SAID if manifest[name] != fresh[name]]


def _digests(manifest: Record) -> list[Json]:
    entries = [entry for name in ("artifacts", "derived_from") for entry in _each(manifest[name])]
    found = [
        manifest["superseded_by"],
        *(entry[name] for entry in entries for name in entry if name in ("sha256", "model_id")),
    ]
    return ["" if isinstance(text, str) and text.strip() != text else text for text in found]


def _each(value: Json) -> list[Record]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def test_what_cannot_be_read_in_an_entry_is_told_at_its_place_and_kept_in_the_draft() -> None:
    state = FormState.blank("model")
    state.edit("manifest.artifacts", '[{"uri":"a.gguf"},{"uri":"b.gguf","size_bytes":"big"}]')
    (problem,) = state.manifest()[1]
    assert problem.path == "manifest.artifacts[1].size_bytes"
    assert problem.sentence == "big is not a size: write 4,920,739,232, 4.5GB or 4.2GiB"
    again = FormState.blank("model")
    from_draft(as_draft("new:1", state, 0), again)
    assert again.texts == state.texts


def test_a_draft_of_an_edit_keeps_the_heads_of_the_manifest_that_was_shown() -> None:
    state = FormState.editing("model", "a" * 64, model(), ("b" * 64,), manifest(), ("c" * 64,))
    state.edit("manifest.status", "Deprecated")
    now = FormState.editing("model", "a" * 64, model(), ("b" * 64,), manifest(status="Withdrawn"), ("d" * 64,))
    from_draft(as_draft("edit:1", state, 0), now)
    assert (now.behind_seen, now.base["manifest.status"]) == (("c" * 64,), "Active")


# ---- by keyboard


async def test_a_model_is_registered_with_what_stands_behind_it_in_one_transaction(datastore: Datastore) -> None:
    base = datastore.add("model", model(name="base-model")).key
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "tiny")
        await go_to(pilot, "manifest.repository_url")
        await typed(pilot, "https://huggingface.co/org/tiny")
        await tab_to(pilot, "manifest.artifacts")
        await pilot.press("enter")
        await settled(pilot)
        await typed(pilot, URI)
        await pilot.press("enter", "tab")
        await typed(pilot, f"SHA256:{DIGEST.upper()}")
        await pilot.press("tab")
        await typed(pilot, "4.5GB")
        await pilot.press("tab", "enter", *"GGUF", "enter", "escape")
        await settled(pilot)
        assert "hf://org/tiny" in lines(app)
        assert app.form.form.body.focused_row() is row(app, "manifest.artifacts")
        await go_to(pilot, "manifest.derived_from")
        await pilot.press("a")
        await settled(pilot)
        await pilot.press("tab")
        await typed(pilot, "base-mo")
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "base-model" in lines(app)
        await go_to(pilot, "manifest.architecture.layers")
        await typed(pilot, "32")
        await go_to(pilot, "manifest.languages")
        await typed(pilot, "en, zh-Hans")
        await go_to(pilot, "manifest.evaluations")
        await pilot.press("a")
        await settled(pilot)
        for text in ("MMLU", "accuracy", "0.713"):
            await typed(pilot, text)
            await pilot.press("enter")
        await pilot.press("ctrl+s")
        await settled(pilot)
    (saved,) = app.results
    assert saved is not None
    says = behind(datastore, saved.id)
    assert says["artifacts"] == [artifact(sha256=DIGEST, size_bytes=4_500_000_000, quantization="GGUF")]
    assert says["derived_from"] == [{"relation": "Finetune", "model_id": base, "name": "", "sha256": None}]
    assert says["languages"] == ["en", "zh-Hans"]
    assert says["evaluations"] == [{"benchmark": "MMLU", "metric": "accuracy", "value": "0.713", "source": ""}]
    assert isinstance(says["architecture"], dict)
    assert (says["architecture"]["layers"], says["architecture"]["experts"]) == (32, None)
    assert datastore.stats().ops == 3


async def test_what_the_rules_say_stands_at_the_entry_and_keeps_it_from_being_signed(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "tiny")
        await go_to(pilot, "manifest.artifacts")
        await pilot.press("a")
        await settled(pilot)
        assert "✗" not in lines(app)
        await typed(pilot, "javascript:1")
        await pilot.press("tab")
        await settled(pilot)
        assert "can be neither followed nor found" in under(app, "manifest.artifacts.uri")
        await pilot.press("escape")
        await settled(pilot)
        assert under(app, "manifest.artifacts").startswith("✗ file 1, Where: javascript:1 can be neither")
        await go_to(pilot, "name")
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert app.results == []
        assert "not signed yet" in app.outcome.text
        assert isinstance(app.form.focused, Input)
        assert app.form.focused.value == "javascript:1"
        assert datastore.stats().ops == 0


async def test_entries_are_moved_removed_brought_back_and_pasted(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "manifest.artifacts")
        files = row(app, "manifest.artifacts")
        files.control.post_message(Paste("one.gguf\ntwo.gguf\nthree.gguf"))
        await settled(pilot)

        def names() -> list[Json]:
            said, _ = app.form.state.manifest()
            assert said is not None
            return [entry["uri"] for entry in _each(said["artifacts"])]

        assert names() == ["one.gguf", "two.gguf", "three.gguf"]
        await pilot.press("home", "ctrl+right")
        await settled(pilot)
        assert names() == ["two.gguf", "one.gguf", "three.gguf"]
        await pilot.press("delete")
        await settled(pilot)
        assert names() == ["two.gguf", "three.gguf"]
        assert "ctrl+z brings it back" in app.outcome.text
        await pilot.press("ctrl+z", "ctrl+z")
        await settled(pilot)
        assert names() == ["one.gguf", "two.gguf", "three.gguf"]
        # An entry in which nothing was written goes with the cursor
        await pilot.press("a")
        await settled(pilot)
        await go_to(pilot, "name")
        await settled(pilot)
        assert names() == ["one.gguf", "two.gguf", "three.gguf"]


async def test_what_was_typed_in_an_entry_is_in_the_draft_and_comes_back(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "manifest.interfaces")
        await pilot.press("a")
        await settled(pilot)
        await typed(pilot, "https://half")
    (draft,) = datastore.drafts.all()
    app = FormApp(datastore, RegisterScreen("model", draft_key=draft.key))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        said, _ = app.form.state.manifest()
        assert said is not None
        assert _each(said["interfaces"])[0]["url"] == "https://half"


async def test_an_edit_opens_with_the_manifest_and_changes_of_it_what_was_changed(datastore: Datastore) -> None:
    record_id = datastore.add(
        "model", model(name="tiny"), manifest=manifest(artifacts=[artifact()], languages=["en"])
    ).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "manifest.status")
        await pilot.press("enter", *"Dep", "enter", "tab")
        await typed(pilot, "use tiny 2")
        await pilot.press("ctrl+s")
        await settled(pilot)
    says = behind(datastore, record_id)
    assert (says["status"], says["status_message"], says["languages"]) == ("Deprecated", "use tiny 2", ["en"])
    # And one of the record alone writes no manifest
    ops = datastore.stats().ops
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "smaller")
        await pilot.press("ctrl+s")
        await settled(pilot)
    assert datastore.stats().ops == ops + 1
    assert behind(datastore, record_id) == says


async def test_a_manifest_that_changed_meanwhile_is_merged_in_the_form(datastore: Datastore) -> None:
    record_id = datastore.add("model", model(name="tiny"), manifest=manifest(languages=["en"])).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "manifest.repository_url")
        await typed(pilot, "https://example.org/mine")
        entry = datastore.manifests.get(record_id)
        assert entry is not None
        datastore.manifests.set(record_id, manifest(languages=["en", "nl"]), entry.heads)
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert "Languages" in lines(app)
        await pilot.press("ctrl+s")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
    says = behind(datastore, record_id)
    assert (says["languages"], says["repository_url"]) == (["en", "nl"], "https://example.org/mine")


async def test_what_was_imported_of_a_manifest_stands_in_the_form_and_is_signed(datastore: Datastore) -> None:
    found = Candidate("tiny.gguf", "ready", "model", model(name="tiny"), manifest=manifest(artifacts=[artifact()]))
    app = FormApp(datastore, RegisterScreen("model", imported=found))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
    (saved,) = app.results
    assert saved is not None
    assert behind(datastore, saved.id)["artifacts"] == [artifact()]


async def test_a_manifest_that_came_into_conflict_is_chosen_and_merged_and_nothing_typed_is_lost(
    datastore: Datastore,
) -> None:
    record_id = datastore.add("model", model(name="tiny"), manifest=manifest(languages=["en"])).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "manifest.repository_url")
        await typed(pilot, "https://example.org/mine")
        entry = datastore.manifests.get(record_id)
        assert entry is not None
        assert entry.manifest is not None
        identity = datastore.key.identity()
        for side in ("nl", "fr"):
            value: Record = {**entry.manifest, "languages": [side]}
            datastore.apply([sign_up(identity, "manifest", value, children=[*entry.heads], clock=2).to_json()])
        datastore.elsewhere.told()
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert "Which version of the manifest" in lines(app)
        await pilot.press("a")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert app.form.state.texts["manifest.repository_url"] == "https://example.org/mine"
        await pilot.press("ctrl+s")
        await settled(pilot)
    says = behind(datastore, record_id)
    assert says["languages"] in (["nl"], ["fr"])
    assert says["repository_url"] == "https://example.org/mine"


def test_a_copy_takes_along_what_stands_behind_a_record_but_not_its_status() -> None:
    source = manifest(artifacts=[artifact()], status="Withdrawn", status_message="wrong", superseded_by="a" * 64)
    state = FormState.duplicating("model", model(), source)
    said = state.manifest_to_write()
    assert isinstance(said, dict)
    assert (said["artifacts"], said["status"], said["superseded_by"]) == ([artifact()], "Active", None)


def test_every_field_of_a_manifest_that_an_author_fills_in_stands_in_the_form() -> None:
    told = {field.path.split(".")[1] for field in form_fields("model") if field.behind}
    given = {"manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at"}
    assert told == {field.name for field in MANIFEST_FIELDS} - given


async def test_the_next_problem_goes_through_an_entry_and_on_to_the_entries_after_it(datastore: Datastore) -> None:
    entry = {"record": model(), "manifest": manifest(artifacts=[artifact("a.gguf"), artifact("b.gguf")])}
    assert isinstance(entry["manifest"], dict)
    record_id = datastore.add("model", entry["record"], manifest=entry["manifest"]).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    places = []
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        for _ in range(5):
            await pilot.press("ctrl+n")
            await settled(pilot)
            files = row(app, "manifest.artifacts")
            part = files.focused_part
            places.append((files.control.highlighted, part.id))
    uri, digest = "field-manifest-artifacts-uri", "field-manifest-artifacts-sha256"
    assert places == [(0, uri), (0, digest), (1, uri), (1, digest), (0, uri)]


async def test_a_name_where_an_id_belongs_is_said_to_be_looked_for_by_enter(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "manifest.superseded_by")
        await typed(pilot, "tiny")
        await go_to(pilot, "name")
        assert under(app, "manifest.superseded_by") == "✗ tiny is no id: Enter looks for a record of that name"


async def test_what_is_in_sight_is_painted_before_what_stands_behind_the_record_is_made(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_the_rest, painted = FormBody.make_the_rest, list[tuple[str, int]]()

    async def noted(body: FormBody) -> None:
        painted.append((lines(app), len(body.query(".row"))))
        await make_the_rest(body)

    monkeypatch.setattr(FormBody, "make_the_rest", noted)
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        ((shown, rows),) = painted
        assert "Name" in shown
        assert "Licence" in shown
        assert rows < len(app.form.query(FormBody).first().query(".row"))
        assert row(app, "manifest.artifacts").is_mounted
        await pilot.press("x")
        await settled(pilot)
        assert app.form.state.texts["name"] == "x"


def test_an_entry_tells_its_size_in_units_on_its_line() -> None:
    said = entry_words({"uri": "a.gguf", "sha256": "ab" * 32, "size_bytes": "4,683,073,536"})
    assert said == f"a.gguf  {'ab' * 6}…  4.4 GiB"
    assert entry_words({"uri": "a.gguf", "size_bytes": "big"}) == "a.gguf  big"
