"""What the tests of the hub stand on: a real PostgreSQL, shared by all processes of a run, and a schema for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.hub import postgres_server
from tests.hub.postgres_server import VARIABLE, Share
from tui_registry.datastore import NO_CHAIN, SharedHead
from tui_registry.records.schema import RULES_VERSION

if TYPE_CHECKING:
    from psycopg import Connection

    from tui_registry.hub.postgres import PostgresLog

_NUMBERS = count()
_END_THOSE_IN = """
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a real server: its superuser's, or that of $TUI_REGISTRY_TEST_POSTGRES."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    if not postgres_server.is_installed():
        pytest.skip(postgres_server.MISSING)
    base = tmp_path_factory.getbasetemp()
    share = Share((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "postgres")
    try:
        yield share.dsn
    finally:
        share.close()


@pytest.fixture
def postgres_schema(postgres: str) -> Iterator[str]:
    """The DSN of an empty schema of that server, which is gone after the test. Everything that is given it meets in
    the same place: several nodes, processes and commands."""
    import psycopg

    schema = f"hub_{os.getpid()}_{next(_NUMBERS)}_{token_hex(4)}"
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(f'CREATE SCHEMA "{schema}"'.encode())
        yield in_schema(postgres, schema)
        drop_schema(db, schema)


def drop_schema(db: Connection, schema: str) -> None:
    """Drop a schema with all in it. A test that failed may have left open what holds its tables: that is ended, or this
    would wait for it for ever."""
    db.execute(_END_THOSE_IN, [schema])
    db.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())


def in_schema(dsn: str, schema: str) -> str:
    """A DSN by which everything is looked for, and made, in a schema."""
    return f"{dsn}{'&' if '?' in dsn else '?'}options={quote(f'-csearch_path={schema}')}"


@pytest.fixture
def postgres_log(postgres_schema: str) -> Iterator[PostgresLog]:
    """A hub's log that was begun just now, empty, in a schema of its own."""
    from tui_registry.hub.postgres import connect

    log = connect(postgres_schema)
    try:
        log.migrate()
        log.begin(new_head())
        yield log
    finally:
        log.close()


def new_head(address: str = "5e" * 20) -> SharedHead:
    """Of an empty hub."""
    return SharedHead(token_hex(16), token_hex(16), 0, "0" * 64, NO_CHAIN, RULES_VERSION, address)
