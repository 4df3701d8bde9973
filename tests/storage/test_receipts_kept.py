"""A receipt is written once: no statement changes, deletes, replaces or truncates one, whoever sends it."""

import sqlite3

import psycopg
import pytest
from sqlalchemy import delete, update

from ostiary.kernel.errors import ContractBroken
from ostiary.receipts.sequencer import drain
from ostiary.receipts.store import receipts
from ostiary.storage.statements import Statement
from tests.storage.ground import SCOPE, add, together

COLUMNS = ", ".join(column.name for column in receipts.c if column.name != "seq")
REST = ", ".join(column.name for column in receipts.c if column.name not in {"seq", "id"})
BOTH = {
    "update": "UPDATE receipts SET outcome = 'refused'",
    "update of one": "UPDATE receipts SET outcome = 'refused' WHERE seq = 1",
    "delete": "DELETE FROM receipts",
    "delete of one": "DELETE FROM receipts WHERE seq = 1",
    "upsert": f"INSERT INTO receipts ({COLUMNS}) SELECT {COLUMNS} FROM receipts WHERE true ON CONFLICT (id) DO UPDATE SET outcome = 'refused'",
}
SQLITE = {
    "replace by id": f"INSERT OR REPLACE INTO receipts ({COLUMNS}) SELECT {COLUMNS} FROM receipts",
    "replace by place": f"REPLACE INTO receipts (seq, id, {REST}) SELECT seq, 'other', {REST} FROM receipts",
    "update or replace": "UPDATE OR REPLACE receipts SET outcome = 'refused'",
}
POSTGRESQL = {
    "truncate": "TRUNCATE receipts",
    "truncate with others": "TRUNCATE things, receipts CASCADE",
    "as a replica": "SET session_replication_role = replica; DELETE FROM receipts",
}


@pytest.fixture
def written(ground):
    ground.vault().transact_now(SCOPE, add("a"))
    ground.vault().transact_now(SCOPE, add("b"))
    return ground


def test_no_statement_alters_one(written):
    before = written.look("SELECT * FROM receipts")
    for name, sql in (BOTH | (SQLITE if written.path else POSTGRESQL)).items():
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.IntegrityConstraintViolation), match="never"):
            written.run(sql)
        assert written.look("SELECT * FROM receipts") == before, name
    assert len(before) == 2


LEAVES = {
    "update": "UPDATE tree_leaves SET seq = seq + 100",
    "delete": "DELETE FROM tree_leaves",
    "upsert": "INSERT INTO tree_leaves (leaf, seq, hashes) SELECT leaf, seq, hashes FROM tree_leaves WHERE true ON CONFLICT (leaf) DO UPDATE SET seq = 9",
}
SQLITE_LEAVES = {"replace": "REPLACE INTO tree_leaves (leaf, seq, hashes) SELECT leaf, 99, hashes FROM tree_leaves"}
POSTGRESQL_LEAVES = {
    "truncate": "TRUNCATE tree_leaves",
    "as a replica": "SET session_replication_role = replica; DELETE FROM tree_leaves",
}


def test_no_statement_alters_a_leaf(written):
    written.vault().transact_now(SCOPE, lambda tx: written.path or drain(tx))
    before = written.look("SELECT * FROM tree_leaves")
    for name, sql in (LEAVES | (SQLITE_LEAVES if written.path else POSTGRESQL_LEAVES)).items():
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.IntegrityConstraintViolation), match="never"):
            written.run(sql)
        assert written.look("SELECT * FROM tree_leaves") == before, name
    assert len(before) == 2


@pytest.mark.parametrize("change", [update(receipts).values(outcome="refused"), delete(receipts)])
async def test_nor_does_a_use_case(change, written):
    before = written.look("SELECT * FROM receipts")
    first, broken = await together(written.vault(), add("c"), lambda tx: tx.do(Statement(change)))
    assert (first, type(broken)) == (1, ContractBroken)
    assert written.look("SELECT * FROM receipts")[:2] == before


def test_numbers_are_not_given_twice(written):
    written.vault().transact_now(SCOPE, lambda tx: tx.shrink("session", "a"))
    written.run("DELETE FROM outbox")
    written.vault().transact_now(SCOPE, lambda tx: tx.shrink("session", "b"))
    assert written.look("SELECT id FROM outbox") == [(2,)]
