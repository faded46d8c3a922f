"""A client that openapi-python-client makes of what the node says of itself, and nothing else, takes a record through its
life."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from tests.node.conftest import Node, bearer
from tests.node.test_conflicts_api import edit
from tui_registry.crdt import parse_op
from tui_registry.errors import KINDS, Kind

_PACKAGE = "generated"

pytest.importorskip("openapi_python_client", reason="the generator is not installed: it comes with `dev`")


class Generated:
    """The package as it was made for the node's document, and a client of it."""

    def __init__(self, node: Node) -> None:
        package = import_module(_PACKAGE)
        token = bearer(node.store).removeprefix("Bearer ")
        self.client = package.AuthenticatedClient(base_url=node.address.url, token=token)

    def ask(self, tag: str, name: str, *at: str, **given: object) -> tuple[int, object]:
        """The status and the typed answer of an operation."""
        answer = self._module(f"api.{tag}.{name}").sync_detailed(*at, client=self.client, **given)
        return int(answer.status_code), answer.parsed

    def type(self, name: str) -> type:
        found = getattr(self._module("models"), name)
        assert isinstance(found, type)
        return found

    def _module(self, path: str) -> ModuleType:
        return import_module(f"{_PACKAGE}.{path}")


@pytest.fixture(scope="module")
def generated(busy: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    place = tmp_path_factory.mktemp("generated")
    (place / "openapi.json").write_bytes(busy.reader.get("/openapi.json").content)
    (place / "config.yml").write_text("package_name_override: generated\npost_hooks: []\n")
    made = subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--path", place / "openapi.json",
            "--config", place / "config.yml", "--meta", "none", "--output-path", place / "generated",
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # What it cannot take is no record's.
    assert "/models" not in made.stdout + made.stderr
    assert "Unable to process" not in made.stdout + made.stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(place)
        yield Generated(busy)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_lives_and_dies_by_a_generated_client(generated: Generated, busy: Node, kind: Kind) -> None:
    name = kind.capitalize()
    sent, shown, problem = (generated.type(of) for of in (f"{name}Input", f"Shown{name}", "StateProblem"))

    def ask(deed: str, *at: str, **given: object) -> tuple[int, object]:
        return generated.ask(f"{kind}s", f"{deed}_{kind}", *at, **given)

    body = sent(name="tiny-llama-ft", license_="Apache-2.0", tags=["chat"])
    status, made = ask("register", body=body, idempotency_key="1")
    assert (status, type(made)) == (201, shown)
    assert ask("register", body=body, idempotency_key="1") == (201, made)
    told = made.to_dict()
    key = told[f"{kind}_id"]
    assert ask("get", key) == (200, made)

    # What was answered is edited and sent back, once.
    edited = sent.from_dict({**told, "description": "new"})
    status, changed = ask("replace", key, body=edited)
    assert (status, changed.description) == (200, "new")
    status, refused = ask("replace", key, body=edited)
    assert (status, type(refused), refused.code, refused.heads) == (409, problem, "changed", changed.heads)
    status, refused = ask("replace", key, body=body, if_match='"0"')
    assert (status, refused.code) == (412, "changed")

    # Another device of the owner writes beside it.
    root = parse_op(busy.store.log.by_hash([told["heads"][0]], 10**6)[0])
    twin = edit(root, "from elsewhere", at=told["updated_at"] + 1, by=busy.store.key.identity())
    assert busy.store.apply([twin.to_json()]).applied == 1
    status, contested = ask("get", key)
    assert (contested.conflict, contested.differing, len(contested.versions)) == (True, ["description"], 2)
    status, refused = ask("delete", key)
    assert (status, refused.code, refused.resolve) == (409, "conflict", f"/{kind}s/{key}/resolve")
    record = sent.from_dict({**contested.versions[1].record.to_dict(), "description": "both"})
    resolution = generated.type(f"{name}Resolution")(record=record, revision=contested.revision)
    status, settled = ask("resolve", key, body=resolution)
    assert (status, settled.description, settled.conflict) == (200, "both", False)

    status, page = generated.ask(f"{kind}s", f"list_{kind}s", q="tag:chat", limit=1)
    assert (status, [getattr(item, f"{kind}_id") for item in page.items], page.next_) == (200, [key], None)
    assert ask("delete", key)[0] == 204
    status, gone = ask("get", key)
    assert (status, type(gone), gone.code) == (404, generated.type("Problem"), "not_found")
