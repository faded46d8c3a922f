"""The proxy loses what it is told to lose, and PostgreSQL has what it should have by then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.fleet import Postgres
from tests.hub.proxy import Fate, Proxy, same, transaction_of

psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

COUNTS = "SELECT count(*) FROM counted"
LOCKS = "SELECT at FROM counted WHERE at = 0 FOR UPDATE"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as started:
        yield started


@pytest.fixture
def proxy(server: Postgres) -> Iterator[Proxy]:
    with psycopg.connect(server.dsn, autocommit=True) as direct:
        direct.execute("DROP TABLE IF EXISTS counted")
        direct.execute("CREATE TABLE counted (at integer PRIMARY KEY)")
        direct.execute("INSERT INTO counted VALUES (0)")
    with Proxy(server.dsn) as started:
        yield started


def written(proxy: Proxy, at: int) -> None:
    """A turn in small."""
    with psycopg.connect(proxy.dsn, application_name="writer") as db:
        db.execute(LOCKS)
        db.execute("INSERT INTO counted VALUES (%s)", [at])


def counted(server: Postgres) -> int:
    with psycopg.connect(server.dsn) as db:
        ((found,),) = db.execute(COUNTS).fetchall()
        return int(found)


def test_each_statement_is_seen_with_its_place_and_cut_before_or_after(server: Postgres, proxy: Proxy) -> None:
    written(proxy, 1)
    turn = transaction_of(proxy.seen(), LOCKS)
    assert [statement.text.split()[0] for statement in turn] == ["BEGIN", "SELECT", "INSERT", "COMMIT"]
    assert [statement.place for statement in turn] == [1, 2, 3, 4]
    assert {statement.program for statement in turn} == {"writer"}
    for at, statement in enumerate(turn):
        for fate in (Fate.CUT_BEFORE, Fate.CUT_AFTER):
            before = counted(server)
            fault = proxy.arm(fate, same(statement))
            with pytest.raises(psycopg.OperationalError):
                written(proxy, 10 + 10 * at + fate.is_after)
            assert fault.wait().text == statement.text
            is_committed = statement.text == "COMMIT" and fate.is_after
            assert counted(server) == before + is_committed
    written(proxy, 2)


def test_a_session_that_is_left_keeps_its_locks_until_it_is_let_go(server: Postgres, proxy: Proxy) -> None:
    for fate in (Fate.LEFT_BEFORE, Fate.LEFT_AFTER):
        fault = proxy.arm(fate, lambda statement: statement.text.startswith("INSERT"))
        with pytest.raises(psycopg.OperationalError):
            written(proxy, 1)
        fault.wait()
        with psycopg.connect(server.dsn) as other:
            other.execute("SET lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(LOCKS)
        proxy.release()
        assert counted(server) == 1
        with psycopg.connect(server.dsn) as other:
            other.execute(LOCKS)


def test_what_is_held_goes_on_and_what_is_silent_speaks_again(server: Postgres, proxy: Proxy) -> None:
    with psycopg.connect(proxy.dsn, autocommit=True) as db:
        proxy.go_silent()
        proxy.speak()
        assert db.execute(COUNTS).fetchone() == (1,)
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            db.execute(COUNTS)
    proxy.shut()
    with pytest.raises(psycopg.OperationalError):
        written(proxy, 1)
    proxy.reopen()
    written(proxy, 1)
    assert counted(server) == 2


def test_a_server_that_is_killed_has_what_was_committed(server: Postgres, proxy: Proxy) -> None:
    written(proxy, 1)
    server.kill()
    assert counted(server) == 2
    server.keep()
    written(proxy, 2)
    assert counted(server) == 3
    server.put_back()
    assert counted(server) == 2
