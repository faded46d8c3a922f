"""Stars, notes and what is watched or looked at stand in one replica: nothing that others get tells of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.node.conftest import serving
from tests.seeds import make_record, owner, signed
from tui_registry.datastore import Datastore
from tui_registry.node import Address

SECRET = "Wolfsmilch"
LAB = owner("lab")

PATHS = (
    "/models", "/agents", "/models/facets", "/models?q=llama", "/models?sort=name", "/sync/head", "/", "/browse",
    "/browse/agents", "/browse?q=llama", "/openapi.json",
)  # fmt: skip
REFUSED = ("is:starred", "-is:starred", "note:Wolfsmilch", "has:note", "is:new", "is:watched", "pulled:1d")


def filled(folder: Path) -> list[str]:
    with Datastore.open(folder, clock=lambda: 1_784_160_000) as datastore:
        datastore.key.replace(LAB)
        datastore.apply([signed(LAB, "model", "llama"), signed(owner("b"), "agent", "helper")], source="peer")
        return [datastore.add("model", make_record("model", "own")).key, *(row.id for row in datastore.search().rows)]


def keep(folder: Path, ids: list[str]) -> None:
    with Datastore.open(folder) as datastore:
        datastore.stars.star(ids, starred=True)
        for one in ids:
            datastore.stars.note(one, f"a note with {SECRET}")
        datastore.searches.save(SECRET, "llama")
        datastore.news.watch(f"@{SECRET}")
        datastore.news.watch(f"0x{owner('b').address}")
        datastore.news.seen()


def answers(store: Datastore, ids: list[str]) -> Iterator[tuple[str, int, bytes]]:
    with serving(store) as node:
        head = node.reader.get("/sync/head").json()
        tile = f"/sync/{head['epoch']}/entries/0.{head['size']}.ndjson.gz"
        for path in (*PATHS, tile, *(f"/models/{one}" for one in ids), *(f"/browse/models/{one}" for one in ids)):
            answer = node.reader.get(path)
            yield path, answer.status_code, answer.content
        for query in REFUSED:
            answer = node.reader.get("/models", params={"q": query})
            assert (answer.status_code, "a node tells nothing of that" in answer.text) == (400, True), answer.text
            assert node.reader.post("/models/search", json={"query": query}).status_code == 400
            assert node.reader.get("/models/facets", params={"q": query}).status_code == 400
            assert node.reader.get("/browse", params={"q": query}).status_code == 400


def without_addresses(found: list[tuple[str, int, bytes]], address: Address) -> list[tuple[str, int, bytes]]:
    return [(path, code, body.replace(address.url.encode(), b"")) for path, code, body in found]


def test_no_answer_of_a_node_tells_what_a_person_keeps(tmp_path: Path) -> None:
    ids = filled(tmp_path / "replica")
    found: list[list[tuple[str, int, bytes]]] = []
    for _ in range(2):
        with Datastore.open(tmp_path / "replica", clock=lambda: 1_784_160_000) as store:
            found.append([*answers(store, ids)])
        keep(tmp_path / "replica", ids)
    before, after = found
    assert [(path, code) for path, code, _ in before] == [(path, code) for path, code, _ in after]
    assert {code for _, code, _ in after} <= {200, 303, 404}
    for path, _, body in after:
        assert SECRET.encode() not in body, path
        assert "★".encode() not in body, path
    models = {path: body for path, _, body in before if path.startswith(("/models", "/agents", "/sync"))}
    assert models == {path: body for path, _, body in after if path in models}


@pytest.mark.parametrize(
    "words",
    [
        ("export",), ("export", "is:starred"), ("export", "--log", "out"), ("export", "--bundle", "out"),
        ("list", "models", "--json"), ("search", "--json", "llama"), ("verify", "--json"), ("conflicts", "--json"),
    ],
)  # fmt: skip
def test_nothing_that_is_given_away_tells_what_a_person_keeps(
    cli: Cli, data_dir: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ids = filled(data_dir)
    keep(data_dir, ids)
    given = cli(*words).out.encode()
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            given += path.read_bytes()
            if path.suffix == ".tar":
                with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as bundle:
                    for name in bundle.getnames():
                        given += name.encode()
    assert SECRET.encode() not in given
    assert b"starred" not in given


def test_a_star_and_a_note_are_no_operation(tmp_path: Path) -> None:
    ids = filled(tmp_path)
    with Datastore.open(tmp_path) as datastore:
        before = datastore.log.head()
        keep(tmp_path, ids)
        assert datastore.log.head() == before
        assert not any(SECRET.encode() in line for line in datastore.log.lines(0, before.size))
