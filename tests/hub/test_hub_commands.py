"""`hub` on a real PostgreSQL: begun with what a replica has, looked at, put right after a restore, forked, purged,
rewritten, upgraded; and one sentence for each thing that stands in the way, with nothing written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

import psycopg

from tests.cli.conftest import MODEL, Cli, cli as cli, data_dir as data_dir, is_one_sentence, own as own
from tests.seeds import NOW, make_record, owner as stranger, seed, signed
from tui_registry import __version__
from tui_registry.datastore import Datastore, StoreError
from tui_registry.hub import admin
from tui_registry.hub.postgres import VARIABLE, Kept, PostgresLog, connect
from tui_registry.records.schema import RULES_VERSION


@pytest.fixture
def empty(postgres_schema: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresLog]:
    """A schema without a hub, which commands mean by the environment."""
    monkeypatch.setenv(VARIABLE, postgres_schema)
    with closing(connect(postgres_schema)) as log:
        yield log


@pytest.fixture
def log(empty: PostgresLog, cli: Cli, data_dir: Path) -> PostgresLog:
    """A hub with a few records of strangers and one of its own; the folder that commands mean is a view of it."""
    with Datastore.open(data_dir, clock=lambda: NOW) as datastore:  # they came long ago
        seed(datastore)
    assert cli("register", "model", "-", given=MODEL).code == 0
    said = cli("hub", "init", "--from", str(data_dir), "--json")
    assert said.code == 0, said.err
    return empty


def lines(folder: Path) -> list[bytes]:
    with Datastore.open(folder, read_only=True) as datastore:
        return datastore.log.lines(0, datastore.log.head().size)


def shared_lines(log: PostgresLog) -> list[bytes]:
    return [found.body for found in log.operations(0, log.head().size)]


def came(log: PostgresLog, folder: Path) -> dict[bytes, int | None]:
    """When the operations of the log came, which are a view's, and came to that as well."""
    ops = log.operations(0, log.head().size)
    with Datastore.open(folder, read_only=True) as datastore:
        there = datastore.log.arrived([op.hash for op in ops])
    assert there == {op.hash: op.added_at for op in ops}
    return there


def put_back(log: PostgresLog, dsn: str, size: int) -> None:
    """PostgreSQL as it was when the log had so many operations."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("DELETE FROM hub_log WHERE idx >= %s", (size,))
        db.execute("UPDATE hub_head SET size = %s, chain = %s", (size, log.chain_at(size)))


def test_a_view_whose_node_writes_while_it_is_looked_at_was_not_put_back(log: PostgresLog, data_dir: Path) -> None:
    with Datastore.open(data_dir, hub=log) as view:
        head = log.head()
        view.add("model", make_record("model", "more"))
        stands = admin.view_of(view, log, head)
    assert (stands.code, stands.size) == ("follows", head.size + 1)


def test_a_view_leaves_its_hub_with_all_that_it_holds_though_the_hub_is_away(
    log: PostgresLog, cli: Cli, data_dir: Path, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, head = lines(data_dir), log.head()
    monkeypatch.delenv(VARIABLE)
    asked = cli("hub", "leave")
    assert (asked.code, "--yes" in asked.err, log.head()) == (2, True, head)
    left = cli("hub", "leave", "--yes", "--json").json
    assert (left["hub"], left["size"], lines(data_dir)) == (head.hub, head.size, before)
    assert left["epoch"] != head.epoch
    assert cli("register", "model", "-", given=MODEL.replace("name: ", "name: later-")).code == 0
    assert cli("verify").code == 0
    assert log.head() == head
    assert is_one_sentence(cli("hub", "leave", "--yes"), "follows no hub")
    monkeypatch.setenv(VARIABLE, postgres_schema)
    assert cli("hub", "status", "--json").json["view"]["code"] == "alone"


class TestInit:
    def test_a_hub_begins_with_a_replica_under_its_epoch_at_the_same_places(
        self, empty: PostgresLog, cli: Cli, data_dir: Path
    ) -> None:
        with Datastore.open(data_dir) as datastore:
            seed(datastore)
            before = datastore.log.head()
        said = cli("hub", "init", "--from", str(data_dir), "--json").json
        head = empty.head()
        assert (head.epoch, head.size, head.fingerprint) == (before.epoch, before.size, before.fingerprint)
        assert (said["hub"], said["size"], said["folder"]) == (head.hub, before.size, str(data_dir))
        assert shared_lines(empty) == lines(data_dir)
        assert len(came(empty, data_dir)) == head.size
        assert head.address == before.node
        status = cli("hub", "status", "--json")
        assert status.code == 0
        assert status.json["view"]["code"] == "follows"
        assert [epoch["epoch"] for epoch in status.json["epochs"]] == [before.epoch]

    def test_what_a_view_has_is_the_hubs(self, log: PostgresLog, cli: Cli) -> None:
        assert is_one_sentence(cli("register", "model", "-", given=MODEL), "a hub's view", "--node URL")

    def test_a_view_says_that_it_is_one(
        self, log: PostgresLog, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub, told = log.head().hub, f"a view of the hub {log.head().hub[:8]}"
        monkeypatch.delenv(VARIABLE)
        assert told in cli("status").out
        assert cli("status", "--json").json["operations"]["hub"] == hub
        assert told in cli("doctor", "--offline").out
        assert cli("backup", str(tmp_path / "saved"), "--without-key").code == 0
        back = cli("--data-dir", str(tmp_path / "again"), "backup", "--restore", str(tmp_path / "saved"))
        assert back.code == 0
        assert told in back.err
        assert "another epoch" not in back.err

    def test_an_empty_hub_begins_in_an_empty_folder(self, empty: PostgresLog, cli: Cli, data_dir: Path) -> None:
        said = cli("hub", "init")
        assert (said.code, said.err.count("\n")) == (0, 1)
        assert "0 operations" in said.out
        assert empty.head().size == 0
        assert cli("hub", "status", "--json").json["view"]["fits"]

    def test_a_hub_is_begun_once(self, log: PostgresLog, cli: Cli, tmp_path: Path) -> None:
        before = log.head()
        other = str(tmp_path / "other")
        assert is_one_sentence(cli("--data-dir", other, "hub", "init"), "holds a hub already")
        assert is_one_sentence(cli("hub", "init"), "is a view of the hub")
        assert log.head() == before
        assert not Path(other).exists()

    def test_what_ended_halfway_is_gone_on_with(self, log: PostgresLog, cli: Cli, data_dir: Path) -> None:
        before = log.head()
        with Datastore.open(data_dir, hub=log) as datastore:
            datastore.hub.release()
            datastore.log.renew_epoch(new=before.epoch)
        assert cli("hub", "status", "--json").json["view"]["code"] == "alone"
        assert cli("hub", "init", "--from", str(data_dir)).code == 0
        assert log.head() == before
        assert cli("hub", "status", "--json").json["view"]["code"] == "follows"

    def test_a_replica_that_is_not_empty_is_taken_when_that_is_said(
        self, empty: PostgresLog, cli: Cli, own: str
    ) -> None:
        assert is_one_sentence(cli("hub", "init"), "holds 1 operation", "--from")
        assert empty.version() is None

    def test_there_is_no_replica(self, empty: PostgresLog, cli: Cli, tmp_path: Path) -> None:
        assert is_one_sentence(cli("hub", "init", "--from", str(tmp_path / "nowhere")), "there is no replica in")
        assert not (tmp_path / "nowhere").exists()
        assert empty.version() is None
        both = cli("--data-dir", "x", "hub", "init", "--from", "y")
        assert (both.code, both.out) == (2, "")


class TestStatus:
    def test_it_is_told_to_people_as_well(self, log: PostgresLog, cli: Cli, data_dir: Path) -> None:
        log.nodes.say("node-\x1b[31m", __version__, RULES_VERSION, 3, "follows")
        said = cli("hub", "status")
        assert said.code == 0
        for part in (log.head().hub, log.head().epoch, log.head().chain.hex(), "fits", "published nowhere", "follows"):
            assert part in said.out
        assert "\x1b" not in said.out
        assert "secret" not in said.out

    def test_without_a_folder_the_hub_alone_is_looked_at(self, log: PostgresLog, cli: Cli, tmp_path: Path) -> None:
        said = cli("--data-dir", str(tmp_path / "nowhere"), "hub", "status", "--json")
        assert (said.code, said.json["view"]) == (0, None)
        assert not (tmp_path / "nowhere").exists()

    def test_how_a_folder_stands(
        self, log: PostgresLog, cli: Cli, data_dir: Path, postgres_schema: str, tmp_path: Path
    ) -> None:
        def code(folder: Path = data_dir) -> tuple[int, str]:
            said = cli("--data-dir", str(folder), "hub", "status", "--json")
            return said.code, said.json["view"]["code"]

        with Datastore.open(tmp_path / "own"):
            pass
        assert code(tmp_path / "own") == (0, "alone")
        with Datastore.open(tmp_path / "other", hub=log) as datastore:
            assert code(tmp_path / "other") == (0, "behind")
            datastore.hub.follow()
            assert code(tmp_path / "other") == (0, "follows")
        size = log.head().size
        put_back(log, postgres_schema, size - 1)
        assert code() == (1, "restored")
        other = log.extend(log.head(), [Kept(b"x" * 32, b"another operation", NOW)], "0" * 64)
        assert (other.size, code()) == (size, (1, "restored"))
        log.renew_epoch(other, "ab" * 16, "test")
        assert code() == (1, "other_epoch")
        log.rename("12" * 16, "34" * 16, "test")
        assert code() == (1, "other")

    def test_nodes_are_listed_and_forgotten(self, log: PostgresLog, cli: Cli) -> None:
        assert cli("hub", "nodes").out == ""
        log.nodes.say("a", __version__, RULES_VERSION, log.head().size - 1, "follows")
        log.nodes.say("b", __version__, RULES_VERSION, log.head().size, "follows")
        first, second = cli("hub", "nodes", "--json").lines
        assert (first["name"], first["behind"], first["away"]) == ("a", 1, False)
        assert (second["name"], second["behind"], second["rules"]) == ("b", 0, RULES_VERSION)
        assert "a" in cli("hub", "nodes").out
        assert cli("hub", "nodes", "--forget", "a", "--json").json == {"name": "a", "forgotten": True}
        assert is_one_sentence(cli("hub", "nodes", "--forget", "a"), "no node named 'a'")


class TestVerify:
    def test_a_view_of_a_former_epoch_is_made_anew(
        self, log: PostgresLog, cli: Cli, data_dir: Path, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = log.head()
        log.rewrite(before, "ab" * 16, "test", before.size - 1, [], "0" * 64)
        monkeypatch.delenv(VARIABLE)
        assert cli("verify").code == 0  # by itself it is sound
        assert cli("hub", "status", "--hub", postgres_schema, "--json").json["view"]["code"] == "other_epoch"
        said = cli("verify", "--hub", postgres_schema)
        assert said.code == 0
        assert "made anew" in said.err
        assert shared_lines(log) == lines(data_dir)
        monkeypatch.setenv(VARIABLE, postgres_schema)
        assert cli("verify", "--json").json["repaired"] == []
        assert cli("hub", "status").code == 0

    def test_none_is_made_of_a_postgresql_that_was_put_back(
        self, log: PostgresLog, cli: Cli, data_dir: Path, postgres_schema: str
    ) -> None:
        had = lines(data_dir)
        former = log.head()
        log.rewrite(former, "ab" * 16, "test", former.size - 1, [], "0" * 64)
        assert "made anew" in cli("verify").err
        now = lines(data_dir)
        # To before the rewriting: it knows nothing of the epoch of this view.
        with psycopg.connect(postgres_schema, autocommit=True) as db:
            db.execute("DELETE FROM hub_epochs WHERE epoch = %s", ("ab" * 16,))
        had_then = [Kept(b"%032d" % n, line, NOW) for n, line in enumerate(had)]
        log.rewrite(log.head(), former.epoch, "test", 0, had_then, "0" * 64)
        assert is_one_sentence(cli("verify"), "knows nothing of this view's epoch", "hub recover")
        assert lines(data_dir) == now
        put_back(log, postgres_schema, 2)
        assert is_one_sentence(cli("verify"), "put back")


class TestRecover:
    def test_what_postgresql_lost_comes_back_from_a_view(
        self, log: PostgresLog, cli: Cli, postgres_schema: str, data_dir: Path
    ) -> None:
        before, then = log.head(), came(log, data_dir)
        put_back(log, postgres_schema, 4)
        dry = cli("hub", "recover", "--from-view", "--dry-run", "--json").json
        assert (dry["appended"], dry["done"], log.head().size) == (before.size - 4, False, 4)
        assert cli("hub", "recover", "--from-view").code == 2  # nobody can answer
        done = cli("hub", "recover", "--from-view", "--yes", "--json")
        assert (done.code, done.json["appended"]) == (0, before.size - 4)
        assert log.head() == before
        assert came(log, data_dir) == then
        assert cli("hub", "status").code == 0
        again = cli("hub", "recover", "--from-view", "--yes")
        assert (again.code, "nothing to append" in again.out) == (0, True)

    def test_a_view_that_parted_is_not_appended(
        self, log: PostgresLog, cli: Cli, postgres_schema: str, data_dir: Path
    ) -> None:
        put_back(log, postgres_schema, 4)
        before = log.extend(log.head(), [Kept(b"x" * 32, b"another operation", NOW)], "0" * 64)
        said = cli("hub", "recover", "--from-view", "--yes")
        assert is_one_sentence(said, "other operations", "--new-epoch")
        assert log.head() == before

    def test_a_new_epoch_goes_on_with_what_postgresql_has_and_offers_the_rest_again(
        self, log: PostgresLog, cli: Cli, postgres_schema: str, data_dir: Path
    ) -> None:
        before, all_of_it = log.head(), lines(data_dir)
        put_back(log, postgres_schema, before.size - 3)
        dry = cli("hub", "recover", "--new-epoch", "--dry-run", "--json").json
        assert (dry["offered"], dry["epoch"], dry["done"]) == (3, before.epoch, False)
        done = cli("hub", "recover", "--new-epoch", "--yes", "--json").json
        head = log.head()
        assert (done["offered"], done["epoch"], done["size"]) == (3, head.epoch, before.size)
        assert head.epoch != before.epoch
        assert sorted(shared_lines(log)) == sorted(all_of_it)
        assert shared_lines(log) == lines(data_dir)
        assert cli("hub", "status").code == 0
        assert not [*data_dir.glob("hub-recovered*")]
        # It is no news that the hub's key signed what this view had.
        assert cli("history", "--elsewhere", "--json").out == ""

    def test_the_other_views_offer_what_they_alone_have_but_nothing_that_was_purged(
        self, log: PostgresLog, cli: Cli, postgres_schema: str, data_dir: Path, tmp_path: Path
    ) -> None:
        all_of_it, size, lagging = lines(data_dir), log.head().size, tmp_path / "lagging"
        with Datastore.open(lagging, hub=log) as datastore:
            datastore.hub.follow(until=size - 2)
        put_back(log, postgres_schema, size - 4)
        done = cli("--data-dir", str(lagging), "hub", "recover", "--new-epoch", "--yes", "--json").json
        assert (done["offered"], done["size"]) == (2, size - 2)
        with Datastore.open(data_dir, hub=log) as datastore:
            assert admin.rejoin(datastore, log)
        assert sorted(shared_lines(log)) == sorted(all_of_it)
        assert shared_lines(log) == lines(data_dir)
        assert came(log, data_dir)
        kept = log.rewrite(log.head(), "ab" * 16, "purged", 3, [], "0" * 64)
        with Datastore.open(data_dir, hub=log) as datastore:
            assert admin.rejoin(datastore, log)
            datastore.hub.release()
        assert log.head() == kept
        with Datastore.open(lagging, hub=log) as datastore, psycopg.connect(postgres_schema, autocommit=True) as db:
            db.execute("DELETE FROM hub_epochs")
            assert not admin.rejoin(datastore, log)

    def test_a_folder_that_is_no_view_recovers_nothing(
        self, log: PostgresLog, cli: Cli, tmp_path: Path, data_dir: Path
    ) -> None:
        with Datastore.open(tmp_path / "own"):
            pass
        for folder, words in ((tmp_path / "own", "no view of a hub"), (tmp_path / "none", "no replica")):
            said = cli("--data-dir", str(folder), "hub", "recover", "--from-view", "--yes")
            assert is_one_sentence(said, words)
        log.rename("12" * 16, "34" * 16, "test")
        assert is_one_sentence(cli("hub", "recover", "--from-view", "--yes"), "is a view of hub")


class TestFork:
    def test_a_clone_goes_its_own_way(self, log: PostgresLog, cli: Cli) -> None:
        before = log.head()
        assert cli("hub", "fork").code == 2
        said = cli("hub", "fork", "--yes", "--store", "s3://bucket/fork", "--json").json
        head = log.head()
        assert (said["hub"], said["epoch"], said["store"]) == (head.hub, head.epoch, "s3://bucket/fork")
        assert head == before._replace(hub=head.hub, epoch=head.epoch)
        assert head.hub != before.hub
        assert head.epoch != before.epoch
        assert is_one_sentence(cli("hub", "fork", "--yes", "--store", "s3://bucket/fork"), "another prefix")
        # A node of the hub that it was notices.
        assert cli("hub", "status", "--json").json["view"]["code"] == "other"


class TestPurge:
    def test_what_an_owner_has_goes_for_all(self, log: PostgresLog, cli: Cli, data_dir: Path, tmp_path: Path) -> None:
        other, owner = tmp_path / "other", stranger("stranger").address
        with Datastore.open(other, hub=log) as datastore:
            datastore.hub.follow()
        then = came(log, data_dir)
        before, kept = log.head(), [line for line in lines(data_dir) if owner.encode() not in line]
        dry = cli("hub", "purge", owner, "--dry-run", "--json").json
        assert (dry["ops"], dry["done"], log.head()) == (before.size - len(kept), False, before)
        log.store = "s3://bucket/log"
        said = cli("hub", "purge", owner, "--yes")
        assert said.code == 0
        for part in ("block OWNER", "s3://bucket/log holds it until"):
            assert part in said.err
        head = log.head()
        assert head.epoch != before.epoch
        assert shared_lines(log) == kept == lines(data_dir)
        with Datastore.open(data_dir, read_only=True) as datastore:
            assert datastore.log.head().fingerprint == head.fingerprint
            found = datastore.rations.of(owner)
            assert found is not None
            assert found.blocked_at is not None
        assert cli("hub", "status").code == 0
        with Datastore.open(other, hub=log) as datastore:
            datastore.hub.remake()
            assert datastore.verify().sound
        assert lines(other) == kept
        assert came(log, data_dir) == came(log, other)
        assert came(log, data_dir).items() <= then.items()
        again = cli("hub", "purge", owner, "--yes", "--json").json
        assert (again["ops"], again["epoch"]) == (0, head.epoch)

    def test_one_does_not_purge_oneself(self, log: PostgresLog, cli: Cli) -> None:
        before = log.head()
        assert cli("hub", "purge", before.address, "--yes").code == 1
        assert log.head() == before


class TestRewrite:
    def test_a_sound_log_stays_as_it_is(self, log: PostgresLog, cli: Cli, data_dir: Path) -> None:
        before = log.head()
        said = cli("hub", "rewrite", "--yes")
        assert (said.code, "sound" in said.out) == (0, True)
        assert log.head() == before
        assert not [*data_dir.glob(".hub-rewriting*")]

    def test_what_breaks_a_rule_is_left_out(self, log: PostgresLog, cli: Cli, data_dir: Path) -> None:
        sound, then = lines(data_dir), came(log, data_dir)
        # What stands behind it is sound, and no view has it.
        late = signed(stranger("late"), "model", "late")
        behind = Kept(bytes.fromhex(late.hash), late.to_json(), NOW - 5)
        before = log.extend(log.head(), [Kept(b"x" * 32, b'{"no": "operation"}', NOW), behind], "0" * 64)
        dry = cli("hub", "rewrite", "--dry-run", "--json").json
        assert (dry["left_out"], dry["rewritten"], log.head()) == (1, False, before)
        said = cli("hub", "rewrite", "--yes", "--json")
        assert (said.code, said.json["left_out"], said.json["rewritten"]) == (0, 1, True)
        assert shared_lines(log) == [*sound, behind.body] == lines(data_dir)
        assert came(log, data_dir) == {**then, behind.hash: NOW - 5}
        assert log.head().epoch == said.json["epoch"] != before.epoch
        assert cli("hub", "status").code == 0


class TestUpgrade:
    def test_it_waits_for_every_node(self, log: PostgresLog, cli: Cli, postgres_schema: str) -> None:
        with psycopg.connect(postgres_schema, autocommit=True) as db:
            db.execute("UPDATE hub_head SET rules = %s", (RULES_VERSION - 1,))
        log.nodes.say("old", "0.1", RULES_VERSION - 1, 1, "follows")
        log.nodes.say("new", __version__, RULES_VERSION, 1, "follows")
        said = cli("hub", "upgrade")
        assert is_one_sentence(said, "old (0.1)", "--forget")
        assert "new" not in said.err
        assert log.head().rules == RULES_VERSION - 1
        log.nodes.forget("old")
        assert cli("hub", "upgrade", "--dry-run", "--json").json["rules"] == RULES_VERSION
        assert log.head().rules == RULES_VERSION - 1
        assert cli("hub", "upgrade", "--json").json == {
            "hub": log.head().hub,
            "rules": RULES_VERSION,
            "tables": 1,
            "done": True,
        }
        assert log.head().rules == RULES_VERSION


class TestBadInput:
    def test_no_hub_is_named(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(VARIABLE, raising=False)
        assert is_one_sentence(cli("hub", "status"), "say which hub", "--hub-file", VARIABLE)
        two = cli("hub", "status", "--hub", "postgresql://h/d", "--hub-file", "x")
        assert (two.code, two.out) == (2, "")

    def test_the_extra_is_missing(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "tui_registry.hub.postgres")
        monkeypatch.delitem(sys.modules, "tui_registry.hub.admin", raising=False)
        monkeypatch.setitem(sys.modules, "psycopg", None)
        for action in ("init", "status"):
            said = cli("hub", action, "--hub", "postgresql://h/d")
            assert is_one_sentence(said, "needs more packages", "pip install 'tui-registry[hub]'")

    def test_a_wrong_address(self, cli: Cli, tmp_path: Path) -> None:
        assert is_one_sentence(cli("hub", "status", "--hub", "http://u:hunter2@h"), "no address of a hub")
        assert is_one_sentence(cli("hub", "status", "--hub", "postgresql://127.0.0.1:1/d"), "cannot be reached")
        assert is_one_sentence(cli("hub", "status", "--hub-file", str(tmp_path / "none")), "cannot be read")

    def test_a_password_on_the_line_is_warned_of_and_not_repeated(self, cli: Cli) -> None:
        said = cli("hub", "status", "--hub", "postgresql://u:hunter2@127.0.0.1:1/d")
        warning, _ = said.err.splitlines()
        assert "--hub-file" in warning
        assert "hunter2" not in said.err

    def test_a_file_that_holds_the_address(
        self, log: PostgresLog, cli: Cli, tmp_path: Path, postgres_schema: str
    ) -> None:
        (tmp_path / "hub").write_text(postgres_schema + "\n")
        assert cli("hub", "status", "--hub-file", str(tmp_path / "hub")).code == 0

    def test_there_is_no_hub_there(self, empty: PostgresLog, cli: Cli) -> None:
        for line in (["status"], ["nodes"], ["fork", "--yes"], ["upgrade"]):
            assert is_one_sentence(cli("hub", *line), "holds no hub", "hub init")

    def test_tables_of_another_product(
        self, empty: PostgresLog, cli: Cli, postgres_schema: str, data_dir: Path
    ) -> None:
        with psycopg.connect(postgres_schema, autocommit=True) as db:
            db.execute("CREATE TABLE hub_log (number integer)")
        assert is_one_sentence(cli("hub", "init"), "hub_log that is not this program's")
        with Datastore.open(data_dir) as datastore:
            assert datastore.hub.id is None

    def test_a_newer_hub(self, log: PostgresLog, cli: Cli, postgres_schema: str) -> None:
        with psycopg.connect(postgres_schema, autocommit=True) as db:
            db.execute("UPDATE hub_schema SET version = 9, least = 9")
        for line in (["status"], ["recover", "--from-view", "--yes"], ["upgrade"]):
            assert is_one_sentence(cli("hub", *line), "later version")


def test_the_nodes_share_their_tokens(log: PostgresLog) -> None:
    token = admin.add_token(log, "ci", ["push", "write"])
    (stored,) = log.tokens.all()
    assert (stored.token.name, stored.token.scopes) == ("ci", ("write", "push"))
    import hashlib

    assert stored.digest == hashlib.sha256(token.encode()).digest()
    for name, code in (("ci", "token_exists"), ("no name", "bad_token_name")):
        with pytest.raises(StoreError) as caught:
            admin.add_token(log, name, ["write"])
        assert caught.value.code == code
