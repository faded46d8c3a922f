"""What the tests of the hub stand on ends, whatever a test left behind."""

from __future__ import annotations

import pytest

from tests.hub.conftest import drop_schema, in_schema

psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")


def test_a_schema_goes_though_somebody_still_holds_its_tables(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("CREATE SCHEMA left_open")
        with psycopg.connect(in_schema(postgres, "left_open")) as holding:
            holding.execute("CREATE TABLE held AS SELECT 1 AS number")
            holding.commit()
            assert holding.execute("SELECT number FROM held").fetchall() == [(1,)]
            drop_schema(db, "left_open")
            with pytest.raises(psycopg.OperationalError):
                holding.execute("SELECT 1")
        assert db.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'left_open'").fetchall() == [(0,)]
