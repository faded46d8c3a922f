"""Each authoring rule says the same sentence in the form, on the command line and over REST, and lets pass what keeps it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.codes import codes_of
from tests.formfile import rules as of_formfiles
from tests.formfile.test_every_rule import below_a_name
from tests.node.conftest import bearer
from tests.records.rules import ENOUGH, RULES, Rule, agent, model
from tui_registry import formfile, licences
from tui_registry.__main__ import main
from tui_registry.datastore import Datastore
from tui_registry.errors import Kind, Problem, Record
from tui_registry.node import running
from tui_registry.records import authoring, wire
from tui_registry.text import safe_text
from tui_registry.tui.register.desk import Desk
from tui_registry.tui.register.form_state import FormState

# What no author of a record can bring about: the Datastore sets times and ids, a record of another shape is not read at
# all, and only manifests have texts of a form.
OUT_OF_REACH = {"shape", "time_range", "time_order", "not_hex", "form"}
# Of a template, `missing_name` is one of the whole; the others come about only while it is rendered.
UNWRITTEN = of_formfiles.WHILE_RENDERING


def in_a_record(line: str) -> Record:
    """A model whose template has that line, and gives what the model needs."""
    return model(formfile_template=f"{below_a_name(line)}\n", min_memory_mb=512, min_disk_gb=0)


TEMPLATES = [
    pytest.param(in_a_record(rule.broken), in_a_record(rule.kept), rule.code, id=f"template-{rule.code}")
    for rule in of_formfiles.RULES
]
WHOLE = [
    pytest.param(
        model(formfile_template="VCPU 1"), model(formfile_template=ENOUGH), "missing_name", id="template-name"
    ),
    pytest.param(
        model(formfile_template=ENOUGH + "RUNN\n" * 101),
        model(formfile_template=ENOUGH),
        "more_problems",
        id="template-more",
    ),
]


class Everywhere:
    """One replica with its node, its command line and its form."""

    def __init__(self, store: Datastore, writer: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
        self.store = store
        self._writer = writer
        self._capfd = capfd

    def in_the_form(self, kind: Kind, record: Record) -> list[Problem]:
        """What the form shows once a person tried to sign."""
        state = FormState.duplicating(kind, record)
        state.tried = True
        _, unreadable = state.record()
        assert not unreadable
        state.checked, _ = Desk(self.store).check(state)
        return [problem for problems in state.shown().values() for problem in problems]

    def on_the_command_line(self, kind: Kind, record: Record, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The lines that `register` writes to stderr."""
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(record).encode()), encoding="utf-8"))
        self._capfd.readouterr()
        main(["--data-dir", str(self.store.data_dir), "register", kind, "-", "--new"])
        return self._capfd.readouterr().err.splitlines()

    def over_rest(self, kind: Kind, record: Record) -> list[Problem]:
        """The problems in the answer to a POST; a warning is told only beside an error, so one is put in for it."""
        answer = self._writer.post(f"/{kind}s", json=record)
        if answer.status_code == 201:
            answer = self._writer.post(f"/{kind}s", json={**record, "version": "1"})
        assert answer.status_code == 422
        return [
            Problem(**{**problem, "instead": tuple(problem.get("instead", ()))})
            for problem in answer.json()["problems"]
        ]

    def passes(self, kind: Kind, record: Record) -> bool:
        """Whether a POST is answered with the record."""
        return self._writer.post(f"/{kind}s", json=record).status_code == 201


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Datastore, httpx.Client]]:
    with Datastore.open(tmp_path_factory.mktemp("everywhere") / "data") as store, running(store) as address:
        headers = {"authorization": bearer(store)}
        with httpx.Client(base_url=address.url, headers=headers, trust_env=False, timeout=30, verify=False) as client:
            yield store, client


@pytest.fixture
def everywhere(node: tuple[Datastore, httpx.Client], capfd: pytest.CaptureFixture[str]) -> Everywhere:
    return Everywhere(*node, capfd)


def the_same(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, kind: Kind, broken: Record, kept: Record, code: str
) -> Problem:
    """The first problem of that code, after it was found everywhere in the same words."""
    problem = next(found for found in everywhere.store.check(kind, broken) if found.code == code)
    assert problem in everywhere.in_the_form(kind, broken)
    said = everywhere.on_the_command_line(kind, broken, monkeypatch)
    assert any(line.endswith(safe_text(f"{problem.path}: {problem.sentence}")) for line in said)
    assert problem in everywhere.over_rest(kind, broken)
    assert code not in [found.code for found in everywhere.in_the_form(kind, kept)]
    assert everywhere.passes(kind, kept)
    return problem


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_of_a_record_says_one_sentence_everywhere(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, rule: Rule
) -> None:
    problem = the_same(everywhere, monkeypatch, rule.kind, rule.broken, rule.kept, rule.problem[2])
    assert (problem.path, problem.severity, problem.code, problem.sentence) == rule.problem


@pytest.mark.parametrize(("broken", "kept", "code"), [*TEMPLATES, *WHOLE])
def test_a_rule_of_a_template_says_one_sentence_everywhere(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, broken: Record, kept: Record, code: str
) -> None:
    assert the_same(everywhere, monkeypatch, "model", broken, kept, code).path == "formfile_template"


@pytest.mark.parametrize("code", ["unknown_model", "incompatible_model"])
def test_what_is_known_of_a_model_is_said_everywhere_alike(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    fits = everywhere.store.add("model", model()).key
    other = everywhere.store.add("model", model(model_type="Embedding")).key
    named = "f" * 64 if code == "unknown_model" else other
    broken, kept = agent(preferred_models=[fits, named]), agent(preferred_models=[fits])
    assert the_same(everywhere, monkeypatch, "agent", broken, kept, code).path == "preferred_models[1]"


def test_no_rule_is_left_out() -> None:
    tested = {rule.problem[2] for rule in RULES} | {
        "unknown_model",
        "incompatible_model",
        "missing_name",
        "more_problems",
    }
    tested |= {rule.code for rule in of_formfiles.RULES}
    assert codes_of(authoring, licences, wire, formfile) - OUT_OF_REACH - UNWRITTEN == tested
