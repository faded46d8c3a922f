"""What was refused can be looked at: from whom it came, when, and which rule it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.seeds import NOW
from tests.trust.spoiling import BASE, attacks
from tui_registry.datastore import Datastore, Quarantined

FORGED = {attack.name: attack for attack in attacks() if attack.code in ("hash", "signature", "owner", "limit")}


@pytest.fixture
def refusing(data_dir: Path) -> Path:
    """A replica that refused one operation from each of several peers, an hour apart."""
    now = NOW
    with Datastore.open(data_dir, clock=lambda: now) as datastore:
        datastore.apply([BASE.body], source="honest")
        for number, attack in enumerate(FORGED.values()):
            now = NOW + 3_600 * number
            datastore.apply(attack.lines[:1], source=f"peer-{number}")
    return data_dir


def test_nothing_refused(cli: Cli) -> None:
    said = cli("quarantine")
    assert (said.code, said.out) == (0, "")
    assert said.err == "tui-registry: nothing was refused\n"
    assert cli("quarantine", "--json").out == ""


def test_the_latest_first_with_who_and_why(cli: Cli, refusing: Path) -> None:
    found = cli("quarantine", "--json").lines
    assert [line["source"] for line in found] == [f"peer-{number}" for number in reversed(range(len(FORGED)))]
    assert [line["code"] for line in found] == [attack.code for attack in reversed(FORGED.values())]
    for line, attack in zip(found, reversed(FORGED.values()), strict=True):
        assert line["size"] == len(attack.lines[0])
        assert line["start"] == attack.lines[0][:1024].decode(errors="backslashreplace")
        assert line["sentence"]
    said = cli("quarantine")
    lines = said.out.splitlines()
    assert lines[0].split() == ["FROM", "WHEN", "CODE", "SIZE", "BEGINS"]
    assert len(lines) == 1 + 2 * len(FORGED)
    for line, told, shown in zip(lines[1::2], lines[2::2], found, strict=True):
        assert line.startswith(f"{shown['source']} ")
        assert f" {shown['code']} " in line
        assert told == f"  {shown['sentence']}"


def test_no_more_than_asked_for(cli: Cli, refusing: Path) -> None:
    assert len(cli("quarantine", "--limit", "2").out.splitlines()) == 1 + 2 * 2
    assert len(cli("quarantine", "--limit", "2", "--json").lines) == 2
    assert cli("quarantine", "--limit", "-1").code == cli("quarantine", "--limit", "many").code == 2
    with Datastore.open(refusing) as datastore:
        assert datastore.log.quarantine(0) == []
        (latest,) = datastore.log.quarantine(1)
        assert isinstance(latest, Quarantined)
        assert (latest.source, latest.received_at) == (f"peer-{len(FORGED) - 1}", NOW + 3_600 * (len(FORGED) - 1))


def test_what_is_refused_again_is_shown_once_with_its_last_sender(refusing: Path) -> None:
    line = next(iter(FORGED.values())).lines[0]
    with Datastore.open(refusing, clock=lambda: NOW + 10**6) as datastore:
        before = datastore.stats().rejected
        datastore.apply([line, line], source="again")
        assert datastore.stats().rejected == before
        assert datastore.log.quarantine(1)[0].source == "again"


def test_a_refusal_falls_with_the_rules_that_made_it(refusing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_registry.replica import audit
    from tui_registry.replica.store import tables

    for module in (audit, tables):
        monkeypatch.setattr(module, "RULES_VERSION", 99)
    with Datastore.open(refusing) as datastore:
        assert datastore.log.quarantine() == []
        assert datastore.stats().ops == 1
