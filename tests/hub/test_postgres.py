"""A hub's log in a real PostgreSQL: what a turn promises, what is said where PostgreSQL is away, refuses or is another's,
and that no password is ever said."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

import psycopg
from hypothesis import HealthCheck, given, settings, strategies as st
from psycopg import conninfo

from tests.hub.conftest import drop_schema, in_schema, new_head
from tui_registry.datastore import NO_CHAIN, DoneOnce, SharedHead, StoreError, Token, chained
from tui_registry.hub import postgres as hub_postgres
from tui_registry.hub.postgres import (
    IDLE_SECONDS,
    LOCK_SECONDS,
    VARIABLE,
    Kept,
    PostgresLog,
    StoredToken,
    connect,
    dsn_from,
)

FP = "0" * 64


def op(n: int) -> tuple[bytes, bytes]:
    body = b"operation %d" % n
    return hashlib.sha256(body).digest(), body


def kept(n: int, at: int | None = 1_700_000_000) -> Kept:
    return Kept(*op(n), at)


def write(log: PostgresLog, *numbers: int) -> SharedHead:
    with log.turn() as turn:
        head = turn.append([op(n) for n in numbers], FP)
        turn.commit()
    return head


def bodies(log: PostgresLog) -> list[bytes]:
    return [found.body for found in log.operations(0, log.head().size)]


def refused(what: Callable[[], object], code: str, *words: str) -> str:
    with pytest.raises(StoreError) as caught:
        what()
    assert caught.value.code == code, caught.value.sentence
    for word in words:
        assert word in caught.value.sentence
    return caught.value.sentence


@pytest.fixture
def admin(postgres_schema: str) -> Iterator[psycopg.Connection[Any]]:
    """The same schema, by hand."""
    with psycopg.connect(postgres_schema, autocommit=True) as db:
        yield db


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A bound of 200 ms in place of one of seconds."""
    for name in ("_BEGIN", "_BEGIN_READING"):
        monkeypatch.setattr(hub_postgres, name, getattr(hub_postgres, name).replace(f"'{request.param}'", "'200ms'"))


# Turns


class TestTurn:
    def test_what_was_committed_is_there_with_its_chain(self, postgres_log: PostgresLog) -> None:
        write(postgres_log, 1, 2)
        head = write(postgres_log, 3)
        assert postgres_log.head() == head
        assert head.size == 3
        found = postgres_log.operations(0, 10)
        end = NO_CHAIN
        for place, (one, (digest, body)) in enumerate(zip(found, map(op, (1, 2, 3)), strict=True)):
            end = chained(end, body)
            assert one[:4] == (place, digest, body, end)
            assert postgres_log.chain_at(place + 1) == end
        assert head.chain == end
        assert postgres_log.chain_at(0) == NO_CHAIN
        assert postgres_log.chain_at(4) is None
        assert postgres_log.operations(1, 2) == found[1:2]

    def test_what_was_not_committed_is_not(self, postgres_log: PostgresLog) -> None:
        before = write(postgres_log, 1)
        with postgres_log.turn() as turn:
            turn.append([op(2)], FP)
        with pytest.raises(ZeroDivisionError), postgres_log.turn() as turn:
            turn.append([op(3)], FP)
            raise ZeroDivisionError
        assert postgres_log.head() == before
        assert bodies(postgres_log) == [op(1)[1]]
        write(postgres_log, 4)

    def test_a_turn_sees_what_it_appended(self, postgres_log: PostgresLog) -> None:
        write(postgres_log, 1)
        with postgres_log.turn() as turn:
            assert turn.head.size == 1
            turn.append([op(2)], FP)
            turn.append([op(3)], FP)
            assert turn.head.size == 3
            assert [found.body for found in turn.operations(1, 9)] == [op(2)[1], op(3)[1]]
            assert turn.places([op(n)[0] for n in (1, 3, 9)]) == {op(1)[0]: 0, op(3)[0]: 2}
            assert postgres_log.head().size == 1  # nobody else does
            turn.commit()
        assert postgres_log.head() == turn.head

    def test_many_writers_take_turns(self, postgres_schema: str, postgres_log: PostgresLog) -> None:
        with closing(connect(postgres_schema)) as other, ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda n: write((postgres_log, other)[n % 2], 2 * n, 2 * n + 1), range(24)))
        found = bodies(postgres_log)
        assert sorted(found) == sorted(op(n)[1] for n in range(48))
        # Of one turn, they stand together.
        assert all(found.index(op(2 * n + 1)[1]) == found.index(op(2 * n)[1]) + 1 for n in range(24))

    @pytest.mark.parametrize("impatient", [f"{LOCK_SECONDS}s"], indirect=True)
    @pytest.mark.usefixtures("impatient")
    def test_a_turn_does_not_wait_without_an_end(self, postgres_log: PostgresLog) -> None:
        with postgres_log.turn() as turn:
            refused(lambda: write(postgres_log, 2), "hub_busy", "try again")
            turn.append([op(1)], FP)
            turn.commit()
        write(postgres_log, 2)

    @pytest.mark.parametrize("impatient", [f"{IDLE_SECONDS}s"], indirect=True)
    @pytest.mark.usefixtures("impatient")
    def test_a_turn_that_stands_still_is_given_up(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        with postgres_log.turn() as turn:
            turn.append([op(1)], FP)
            pid = turn._db.info.backend_pid
            while admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is not None:
                pass  # PostgreSQL ends it
            with pytest.raises(StoreError) as caught:
                turn.commit()
            # Versions of psycopg before 3.3 do not say why the connection is lost.
            assert caught.value.code in ("hub_busy", "outcome_unknown")
        assert postgres_log.head().size == 0
        write(postgres_log, 1)

    def test_a_log_that_has_another_head_is_not_written(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        # By somebody who does not take turns.
        with postgres_log.turn() as turn:
            turn._head = turn.head._replace(size=1)
            refused(lambda: turn.append([op(1)], FP), "hub_busy", "nothing was written")
        assert postgres_log.head().size == 0

    def test_nothing_of_a_session_outlives_a_turn(self, postgres_log: PostgresLog) -> None:
        # A pooler gives the next transaction to another server.
        for n in range(12):
            write(postgres_log, n)
            postgres_log.operations(0, 5)
        with postgres_log._connections.lent(5) as db:
            assert db.all("SHOW lock_timeout") == [("0",)]
            assert db.all("SHOW statement_timeout") == [("0",)]
            assert db.all("SELECT count(*) FROM pg_prepared_statements") == [(0,)]

    def test_what_is_done_once_is_remembered_with_it(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        # A node's clock may be wrong.
        one, other = (DoneOnce(key * 32, b"r" * 32, op(1)[0], 1_000_000) for key in (b"k", b"o"))
        with postgres_log.turn() as turn:
            turn.append([op(1)], FP, [one, other])
        with postgres_log.turn() as turn:
            assert turn.done(one.key) is None
            turn.append([op(1)], FP, [one, other])
            turn.commit()
        admin.execute(
            "UPDATE hub_idempotency SET added_at = added_at - interval '25 hours' WHERE key = %s", (other.key,)
        )
        with postgres_log.turn() as turn:
            assert turn.done(one.key) == postgres_log.done(one.key) == one
            assert turn.done(other.key) is postgres_log.done(other.key) is None
            again = one._replace(hash=op(2)[0])
            turn.append([op(2)], FP, [again])
            assert turn.done(one.key) == again
            turn.commit()
        assert admin.execute("SELECT count(*) FROM hub_idempotency").fetchone() == (1,)

    def test_512_operations_of_4_mib_are_one_turn(self, postgres_log: PostgresLog) -> None:
        ops = [(hashlib.sha256(b"%d" % n).digest(), b"%d" % n + b"x" * 8_180) for n in range(512)]
        with postgres_log.turn() as turn:
            turn.append(ops, FP)
            turn.commit()
        assert [(found.hash, found.body) for found in postgres_log.operations(0, 512)] == ops


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=8))
def test_the_log_is_what_was_committed_in_its_order(
    postgres_log: PostgresLog, turns: Sequence[tuple[int, bool]]
) -> None:
    before, expected = postgres_log.head(), bodies(postgres_log)
    end = before.chain
    for count, is_committed in turns:
        ops = [op(int(token_hex(8), 16)) for _ in range(count)]
        with postgres_log.turn() as turn:
            turn.append(ops, FP)
            if is_committed:
                turn.commit()
                expected += [body for _, body in ops]
                for _, body in ops:
                    end = chained(end, body)
    assert bodies(postgres_log) == expected
    assert postgres_log.head() == before._replace(size=len(expected), chain=end)


# Lost connections

AT_THE_COMMIT = """
    CREATE FUNCTION at_the_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER at_the_commit AFTER INSERT ON hub_log DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION at_the_commit()
"""


class TestLost:
    def test_an_answer_is_not_waited_for_without_an_end(self, postgres_log: PostgresLog) -> None:
        # Whatever the server itself promises: it may stand still.
        with postgres_log._connections.lent(0.1) as db:
            refused(lambda: sleeps(postgres_log, db), "hub_away", "does not answer")
            assert db.is_lost
        write(postgres_log, 1)

    def test_a_connection_that_was_kept_and_is_lost_is_made_anew(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        write(postgres_log, 1)
        for what in (postgres_log.head, lambda: bodies(postgres_log), lambda: write(postgres_log, 2)):
            end_sessions(postgres_log, admin)
            what()
        assert postgres_log.head().size == 2

    def test_one_that_is_lost_within_a_turn_wrote_nothing(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        for appends in (False, True):
            with postgres_log.turn() as turn:
                if appends:
                    turn.append([op(1)], FP)
                end_session(turn._db.info.backend_pid, admin)
                refused(lambda: turn.append([op(2)], FP), "hub_away", "was lost")
        assert postgres_log.head().size == 0
        write(postgres_log, 1)

    def test_one_that_is_lost_while_it_commits_leaves_it_unknown(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        admin.execute(AT_THE_COMMIT.format("PERFORM pg_terminate_backend(pg_backend_pid());").encode())
        refused(lambda: write(postgres_log, 1), "outcome_unknown", "look before you do it again")
        with postgres_log.turn() as turn:
            assert turn.places([op(1)[0]]) == {}

    @pytest.mark.parametrize(
        ("state", "code"), [("40001", "hub_busy"), ("40P01", "hub_busy"), ("40003", "outcome_unknown")]
    )
    def test_a_commit_that_is_refused_wrote_nothing(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any], state: str, code: str
    ) -> None:
        admin.execute(AT_THE_COMMIT.format(f"RAISE EXCEPTION 'no' USING ERRCODE = '{state}';").encode())
        refused(lambda: write(postgres_log, 1), code)
        assert postgres_log.head().size == 0

    def test_a_turn_that_failed_is_not_committed(self, postgres_log: PostgresLog) -> None:
        with postgres_log.turn() as turn:
            turn.append([op(1)], FP)
            refused(lambda: turn.append([op(1)], FP), "hub_busy")
            # Which PostgreSQL answers with ROLLBACK, and no error.
            refused(turn.commit, "hub_busy", "nothing was written")
        assert postgres_log.head().size == 0

    def test_a_commit_is_on_the_disk_even_where_that_was_switched_off(
        self, postgres_schema: str, postgres_log: PostgresLog
    ) -> None:
        lax = postgres_schema.replace("options=", "options=-csynchronous_commit%3Doff%20")
        with closing(connect(lax)) as log, log.turn() as turn:
            assert turn._db.all("SHOW synchronous_commit") == [("on",)]


def sleeps(log: PostgresLog, db: Any) -> None:
    with log.saying():
        db.all("SELECT pg_sleep(3)")


def end_session(pid: int, admin: psycopg.Connection[Any]) -> None:
    admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def end_sessions(log: PostgresLog, admin: psycopg.Connection[Any]) -> None:
    """Of all connections that are kept."""
    for db in log._connections._idle:
        end_session(db.info.backend_pid, admin)


# What is said where there is no log


def changed(dsn: str, **parts: str) -> str:
    """A DSN with something else in it."""
    return conninfo.make_conninfo(dsn, **parts)


class TestRefused:
    def test_a_wrong_password(self, postgres_schema: str) -> None:
        log = connect(changed(postgres_schema, password="not this one"))
        sentence = refused(log.head, "hub_away", "does not let this user in", "password")
        assert "not this one" not in sentence

    def test_nobody_of_that_name(self, postgres_schema: str) -> None:
        refused(connect(changed(postgres_schema, user="nobody_here")).head, "hub_away", "does not let this user in")

    def test_no_such_database(self, postgres_schema: str) -> None:
        refused(connect(changed(postgres_schema, dbname="nowhere")).head, "hub_away", "make the database", "nowhere")

    def test_nobody_answers_there(self, postgres_schema: str) -> None:
        for parts in ({"port": "1"}, {"host": "no-such-host.invalid"}, {"host": "." * 80}):
            refused(connect(changed(postgres_schema, **parts)).head, "hub_away", "cannot be reached")

    def test_no_hub(self, postgres_schema: str) -> None:
        with closing(connect(postgres_schema)) as log:
            refused(log.head, "hub_other", "holds no hub", "hub init")
            assert log.version() is None
            log.migrate()
            refused(log.head, "hub_other", "holds no hub", "hub init")
            refused(lambda: write(log, 1), "hub_other", "holds no hub")
            assert not log.has_log()

    @pytest.mark.parametrize("table", ["hub_log", "hub_head", "hub_schema"])
    def test_tables_of_another_product(self, postgres_schema: str, admin: psycopg.Connection[Any], table: str) -> None:
        admin.execute(f"CREATE TABLE {table} (number integer)".encode())
        with closing(connect(postgres_schema)) as log:
            refused(log.migrate, "hub_other", "this program's")
            refused(log.head, "hub_other")
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
        assert admin.execute(tables).fetchone() == (1,)

    @pytest.mark.parametrize(
        "broken", ["epoch = '../../etc'", "hub = E'\\x1b[31m'", "size = -1", "chain = 'x'", "address = ''"]
    )
    def test_a_head_that_nobody_of_us_wrote(
        self, postgres_log: PostgresLog, admin: psycopg.Connection[Any], broken: str
    ) -> None:
        admin.execute(f"UPDATE hub_head SET {broken}".encode())
        for what in (postgres_log.head, lambda: write(postgres_log, 1)):
            refused(what, "hub_other", "did not write")

    def test_tables_of_a_later_version(self, postgres_log: PostgresLog, admin: psycopg.Connection[Any]) -> None:
        admin.execute("UPDATE hub_schema SET version = 99")
        assert postgres_log.version() == 99  # which only added something
        write(postgres_log, 1)
        admin.execute("UPDATE hub_schema SET least = 99")
        for what in (postgres_log.head, postgres_log.migrate, lambda: write(postgres_log, 2)):
            refused(what, "hub_newer", "upgrade this node")

    def test_no_rights(self, postgres_schema: str, postgres_log: PostgresLog, admin: psycopg.Connection[Any]) -> None:
        role = f"reader_{token_hex(6)}"
        schema = admin.execute("SELECT current_schema()").fetchone()
        assert schema is not None
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reads'".encode())
        try:
            with closing(connect(changed(postgres_schema, user=role, password="reads"))) as log:
                refused(log.head, "hub_other", "holds no hub")  # it sees no such schema
                admin.execute(f'GRANT USAGE, CREATE ON SCHEMA "{schema[0]}" TO {role}'.encode())
                refused(log.migrate, "hub_away", "permission denied", "grant")  # and makes no tables over those
                refused(log.head, "hub_away", "may not do that", "permission denied", "grant")
                admin.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema[0]}" TO {role}'.encode())
                assert log.head().size == 0
                refused(lambda: write(log, 1), "hub_away", "may not do that")
        finally:
            admin.execute(f"DROP OWNED BY {role}".encode())
            admin.execute(f"DROP ROLE {role}".encode())

    def test_a_server_that_takes_no_more_connections(
        self, postgres_schema: str, admin: psycopg.Connection[Any]
    ) -> None:
        role = f"one_{token_hex(6)}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0".encode())
        try:
            refused(connect(changed(postgres_schema, user=role, password="x")).head, "hub_busy", "no more connections")
        finally:
            admin.execute(f"DROP ROLE {role}".encode())

    @pytest.mark.parametrize(
        "dsn",
        [
            "x",
            "http://u:hunter2@h/d",
            "postgresql://u:hunter2@h:port/d",
            "postgresql://u:hunter2@h/d?nosuch=1",
            # Not quoted, so that a piece of it stands where a host, a port or a database does.
            "postgresql://u:hunter2/x@h/d",
            "postgres://u:1/hunter2@h/d?sslmode=prefer",
            "postgresql://u:x@hunter2@h/d",
            "postgresql://u:p@/hunter2@h:1/d",
            "postgresql://u:x?@hunter2@h",
        ],
    )
    def test_what_is_no_address(self, dsn: str) -> None:
        sentence = refused(lambda: connect(dsn).head(), "hub_away")
        assert "hunter2" not in sentence


@pytest.mark.parametrize("secret", ["hunter2", "p@ss:/w%rd", "a b'c\\d", "\x1b[31m"])
def test_no_password_is_ever_said(postgres: str, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = urlsplit(postgres)
    where = f"{parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(netloc=f"postgres:{quote(secret, safe='')}@{where}"))
    for dsn in (url, changed(url), url.replace(f":{parts.port}", ":1"), f"{url}?hostaddr=x", f"x{url}"):
        with pytest.raises(StoreError) as caught:
            connect(dsn).head()
        error: BaseException | None = caught.value
        while error is not None:
            assert secret not in f"{error} {error!r} {error.args}"
            assert quote(secret, safe="") not in f"{error}"
            error = error.__cause__
    assert secret not in connect(url).name


@pytest.mark.parametrize("dsn", ["postgresql://", "postgresql://u@h?application_name=a@b", "postgresql://%40socket/d"])
def test_an_address_may_leave_much_to_libpq_and_quote_an_at(dsn: str) -> None:
    assert connect(dsn).name.startswith("postgresql://")


def test_a_database_of_no_encoding_and_letters_of_another_hold_a_hub(postgres: str) -> None:
    name = f"ascii_{token_hex(4)}"
    where = changed(postgres, dbname=name, client_encoding="LATIN1")
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".encode()
        )
        try:
            for dsn in (changed(postgres, dbname=name), where):
                with closing(connect(dsn)) as log:
                    if log.migrate():
                        log.begin(new_head())
                    log.nodes.say("\N{GREEK SMALL LETTER ALPHA}", "0.2", 2, 0, "follows")
                    assert [node.name for node in log.nodes.all()] == ["\N{GREEK SMALL LETTER ALPHA}"]
                    assert write(log, log.head().size) == log.head()
        finally:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class TestWhich:
    def test_the_line_then_the_file_then_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(VARIABLE, raising=False)
        assert dsn_from() is None
        monkeypatch.setenv(VARIABLE, " postgresql://env ")
        assert dsn_from() == "postgresql://env"
        named = tmp_path / "hub"
        named.write_text("postgresql://file\nmore\n")
        assert dsn_from(None, str(named)) == "postgresql://file"
        assert dsn_from("postgresql://line") == "postgresql://line"
        refused(lambda: dsn_from("a", str(named)), "hub_away", "leave one of them out")
        refused(lambda: dsn_from(" "), "hub_away", "the word is empty")
        named.write_text("\n")
        refused(lambda: dsn_from(None, str(named)), "hub_away", "first line")
        refused(lambda: dsn_from(None, str(tmp_path)), "hub_away", "cannot be read")


# What else the nodes share


def test_it_is_begun_once_by_whoever_comes_first(postgres_schema: str) -> None:
    logs = [connect(postgres_schema) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(PostgresLog.migrate, logs)) == [False, False, False, True]
        ops = [kept(n, None if n < 700 else n) for n in range(2_500)]
        told: list[int] = []
        head = logs[0].begin(new_head(), iter(ops), told.append)
        assert told == [1_000, 2_000, 2_500]
        assert head == logs[1].head()
        assert (head.size, head.chain) == (2_500, logs[1].chain_at(2_500))
        assert bodies(logs[1]) == [one.body for one in ops]
        found = logs[1].operations(250, 770)
        assert [(one.hash, one.body, one.added_at) for one in found] == ops[250:770]
        assert logs[1].added(250, 770) == [one.added_at for one in found]
        refused(lambda: logs[2].begin(new_head()), "hub_other", "holds a hub already")
        assert logs[3].head() == head
    finally:
        for log in logs:
            log.close()


class TestWhole:
    def test_another_log_in_its_place_is_under_another_epoch(self, postgres_log: PostgresLog) -> None:
        before = write(postgres_log, 1, 2, 3)
        after = postgres_log.rewrite(before, "ab" * 16, "purge", 1, [kept(3)], "1" * 64)
        assert postgres_log.head() == after
        assert (after.hub, after.epoch, after.size) == (before.hub, "ab" * 16, 2)
        assert bodies(postgres_log) == [op(1)[1], op(3)[1]]
        assert postgres_log.chain_at(2) == after.chain == chained(chained(NO_CHAIN, op(1)[1]), op(3)[1])
        assert [epoch.epoch for epoch in postgres_log.epochs()] == [before.epoch, after.epoch]
        assert [postgres_log.had_epoch(epoch) for epoch in (before.epoch, after.epoch, "0" * 32)] == [True, True, False]
        refused(lambda: postgres_log.rewrite(before, "cd" * 16, "purge", 0, [], FP), "hub_busy", "meanwhile")
        assert postgres_log.head() == after

    def test_what_fails_halfway_changed_nothing(self, postgres_log: PostgresLog) -> None:
        before = write(postgres_log, 1, 2, 3)

        def broken() -> Iterator[Kept]:
            yield kept(5)
            raise ZeroDivisionError

        for what in (
            lambda: postgres_log.rewrite(before, "ab" * 16, "purge", 0, broken(), FP),
            lambda: postgres_log.extend(before, broken(), FP),
        ):
            with pytest.raises(ZeroDivisionError):
                what()
        assert postgres_log.head() == before
        assert len(bodies(postgres_log)) == 3

    def test_what_was_lost_is_appended(self, postgres_log: PostgresLog) -> None:
        before = write(postgres_log, 1)
        after = postgres_log.extend(before, [kept(2), kept(3)], "2" * 64)
        assert (after.epoch, after.size, after.fingerprint) == (before.epoch, 3, "2" * 64)
        assert postgres_log.head() == after
        refused(lambda: postgres_log.extend(before, [kept(4)], FP), "hub_busy")

    def test_it_goes_its_own_way(self, postgres_log: PostgresLog) -> None:
        before = write(postgres_log, 1)
        postgres_log.nodes.say("a", "0.2", 2, 1, "follows")
        postgres_log.store = "s3://bucket/one"
        after = postgres_log.rename("12" * 16, "34" * 16, "fork", "s3://bucket/two")
        assert after == before._replace(hub="12" * 16, epoch="34" * 16) == postgres_log.head()
        assert postgres_log.nodes.all() == []
        assert postgres_log.store == "s3://bucket/two"

    def test_rules_are_raised(self, postgres_log: PostgresLog) -> None:
        assert postgres_log.raise_rules(7) == postgres_log.head()
        assert postgres_log.head().rules == 7


def test_a_hub_behind_another_schema_of_the_path_is_that_hub(
    postgres: str, postgres_schema: str, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
) -> None:
    """Such as the schema of the user's own name, which stands before `public` unasked."""
    head = write(postgres_log, 1)
    (theirs,) = admin.execute("SELECT current_schema()").fetchone() or ("",)
    mine = f"mine_{token_hex(8)}"
    admin.execute(f"CREATE SCHEMA {mine}".encode())
    try:
        with closing(connect(in_schema(postgres, f"{mine},{theirs}"))) as log:
            assert log.head() == head
            assert log.version() == postgres_log.version()
            assert not log.migrate()
            assert log.head() == head
    finally:
        drop_schema(admin, mine)


def test_a_lease_has_one_holder(postgres_log: PostgresLog) -> None:
    assert postgres_log.lease("publish", "a", 60)
    assert not postgres_log.lease("publish", "b", 60)
    assert postgres_log.lease("other", "b", 60)
    assert postgres_log.holder("publish") == "a"
    assert postgres_log.lease("publish", "a", 0)  # renewed, and over at once
    assert postgres_log.holder("publish") is None
    assert postgres_log.lease("publish", "b", 60)
    postgres_log.release("publish", "a")
    assert postgres_log.holder("publish") == "b"
    postgres_log.release("publish", "b")
    assert postgres_log.holder("publish") is None


def test_nodes_say_how_they_are(postgres_log: PostgresLog) -> None:
    postgres_log.nodes.say("b", "0.2", 2, 5, "follows")
    postgres_log.nodes.say("a", "0.3", 3, 7, "behind")
    postgres_log.nodes.say("b", "0.3", 3, 8, "follows")
    told = postgres_log.nodes.all()
    assert [node[:5] for node in told] == [("a", "0.3", 3, 7, "behind"), ("b", "0.3", 3, 8, "follows")]
    assert all(0 <= node.age < 60 for node in told)
    assert postgres_log.nodes.forget("a")
    assert not postgres_log.nodes.forget("a")
    assert [node.name for node in postgres_log.nodes.all()] == ["b"]


def test_nodes_share_their_tokens(postgres_schema: str, postgres_log: PostgresLog) -> None:
    ci = StoredToken(b"d" * 32, Token("ci", ("write", "push"), 1_700_000_000))
    postgres_log.tokens.add(ci)
    with closing(connect(postgres_schema)) as other:
        assert other.tokens.all() == [ci]
        refused(lambda: other.tokens.add(ci), "token_exists")
        other.tokens.revoke("ci")
        refused(lambda: other.tokens.revoke("ci"), "not_found")
    assert postgres_log.tokens.all() == []


class TestNews:
    @pytest.mark.parametrize("tells", [True, False])
    def test_news_come_to_whoever_listens(
        self, postgres_schema: str, postgres_log: PostgresLog, tells: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub_postgres, "POLL_SECONDS", hub_postgres.POLL_SECONDS if tells else 0.02)
        sizes: list[int] = []
        news = threading.Semaphore(0)

        def told(size: int) -> None:
            sizes.append(size)
            news.release()

        with closing(connect(postgres_schema)) as other:
            other.head()
            other._connections.notifies = tells  # False as with an engine that has no LISTEN
            with other.listen(told) as listening:
                assert news.acquire(timeout=30)
                write(postgres_log, 1, 2)
                assert news.acquire(timeout=30)
                assert sizes == [0, 2]
                while listening.hears is None:
                    pass
                assert listening.hears is tells

    def test_a_connection_that_is_lost_is_made_anew(
        self, postgres_schema: str, postgres_log: PostgresLog, admin: psycopg.Connection[Any]
    ) -> None:
        with closing(connect(postgres_schema)) as other:
            heard = threading.Event()
            with other.listen(lambda size: heard.set() if size == 1 else None) as listening:
                while not listening.hears:
                    pass
                listens = "SELECT pid FROM pg_stat_activity WHERE query LIKE %s"
                for (pid,) in admin.execute(listens, (f'LISTEN "tui_registry_{other.head().hub}"%',)).fetchall():
                    end_session(pid, admin)
                write(postgres_log, 1)
                assert heard.wait(30)


@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is not here: apt-get install pgbouncer")
def test_it_works_behind_a_pooler_that_lends_connections_for_a_transaction(postgres: str) -> None:
    server, name, role = urlsplit(postgres), f"pooled_{token_hex(6)}", f"pooled_{token_hex(6)}"
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(f"CREATE SCHEMA {name}".encode())
        db.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'pooled'".encode())
        db.execute(f"ALTER ROLE {role} SET search_path = {name}".encode())
        try:
            with pooled(server.hostname or "", server.port or 5432, role) as dsn:
                with closing(connect(f"{dsn}?options=-csearch_path%3Dx")) as log:
                    refused(log.head, "hub_away", "pooler", "search_path")
                logs = [connect(dsn) for _ in range(3)]
                logs[0].migrate()
                logs[0].begin(new_head())
                with ThreadPoolExecutor(6) as threads:
                    list(threads.map(lambda n: write(logs[n % 3], n), range(60)))
                assert sorted(bodies(logs[1])) == sorted(op(n)[1] for n in range(60))
                news = threading.Semaphore(0)
                with logs[2].listen(lambda _: news.release()) as listening:
                    assert news.acquire(timeout=30)
                    while listening.hears is None:
                        pass
                    assert not listening.hears
                    write(logs[0], 60)
                    assert news.acquire(timeout=30)
                for log in logs:
                    log.close()
        finally:
            drop_schema(db, name)
            db.execute(f"DROP ROLE {role}".encode())


@contextmanager
def pooled(host: str, port: int, role: str) -> Iterator[str]:
    """A DSN by which a server is reached through pgbouncer, which gives each transaction some connection of two."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # it does not run as root
        (folder / "users").write_text(f'"{role}" "pooled"\n')
        (folder / "ini").write_text(
            f"[databases]\npostgres = host={host} port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {own}\nauth_type = plain\nauth_file = {folder}/users\npool_mode = transaction\n"
            "default_pool_size = 2\nunix_socket_dir =\n"
        )
        user = 65_534 if os.geteuid() == 0 else None
        process = subprocess.Popen(["pgbouncer", "-q", folder / "ini"], stderr=subprocess.DEVNULL, user=user)
        try:
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", own)):
                    break
                assert process.poll() is None
            yield f"postgresql://{role}:pooled@127.0.0.1:{own}/postgres"
        finally:
            process.terminate()
            process.wait()
