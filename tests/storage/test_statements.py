"""Statements compile once to what both databases understand; what they say about themselves is true."""

import pytest
from sqlalchemy import bindparam, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql

from ostiary.kernel.values import Mode
from ostiary.sessions.store import FIND_MANY
from ostiary.storage.statements import Statement
from tests.storage.ground import ADD, ALL, INSERT, REMOVE, SCOPE, TAKE, TAKE_RETURNING, add, event, things

FROM_SELECT = Statement(
    insert(things).from_select(
        ["id", "mode", "created_at"],
        select(bindparam("id"), literal("new"), literal(1)).where(bindparam("wanted") == 1),
    )
)
EITHER = Statement(
    select(things.c.id).where((things.c.id == bindparam("name")) | (things.c.mode == "none")).limit(bindparam("most"))
)
BY_ONE = Statement(update(things).where(things.c.id == "x").values(created_at=things.c.created_at + 1))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (INSERT, ("things", True, True, False)),
        (ADD, ("things", True, False, False)),
        (FROM_SELECT, ("things", True, False, False)),
        (Statement(insert(things).returning(things.c.id)), ("things", True, False, True)),
        (
            Statement(postgresql.insert(things).on_conflict_do_update(index_elements=["id"], set_={"mode": "x"})),
            ("things", True, False, False),
        ),
        (TAKE, ("things", True, False, False)),
        (TAKE_RETURNING, ("things", True, False, True)),
        (REMOVE, ("things", True, False, False)),
        (ALL, ("", False, False, False)),
    ],
)
def test_a_statement_says_what_it_does(statement, said):
    assert (statement.table, statement.writes, statement.certain, statement.returns) == said


def test_a_change_names_one_declared_table():
    with pytest.raises(TypeError, match="declared table"):
        Statement(update(things.alias()))


def test_each_dialect_has_its_placeholders_and_literals_travel_as_values():
    assert TAKE.bound("sqlite", {}) == (
        "UPDATE things SET mode=? WHERE things.id = ? AND things.mode = ?",
        ["taken", "x", "new"],
    )
    assert TAKE.bound("postgresql", {})[0] == "UPDATE things SET mode=$1 WHERE things.id = $2 AND things.mode = $3"


def test_a_bare_insert_wants_every_column():
    with pytest.raises(KeyError, match="created_at"):
        INSERT.bound("sqlite", {"id": "x", "mode": "new"})
    sql, values = INSERT.bound("sqlite", {"created_at": 3, "mode": "new", "id": "x"})
    assert (sql.count("?"), values) == (3, ["x", "new", 3])


def test_it_is_compiled_once():
    assert EITHER.bound("sqlite", {"name": "a", "most": 1})[0] is EITHER.bound("sqlite", {"name": "b", "most": 2})[0]


async def test_both_databases_understand_what_is_compiled(vault):
    def use_case(tx):
        for statement in (INSERT, ADD, ADD):
            tx.do(statement, id="x" if statement is ADD else "y", mode=Mode.LIVE, created_at=2**62)
        tx.emit(event())
        return (
            [tx.do(FROM_SELECT, id="z", wanted=wanted) for wanted in (0, 1)],
            [tx.do(BY_ONE), tx.do(TAKE)],
            tx.all(EITHER, name="x", most=5),
            tx.one(Statement(select(things.c.mode, things.c.created_at).where(things.c.id == "y"))),
            tx.one(Statement(select(func.count()).select_from(things))),
            tx.one(EITHER, name="nobody", most=1),
        )

    assert await vault.transact(SCOPE, use_case) == ([0, 1], [1, 0], [("x",)], ("live", 2**62), (3,), None)


async def test_flags_are_numbers_everywhere(vault):
    statement = Statement(insert(things).values(id=bindparam("id"), mode="m", created_at=bindparam("flag")))
    read = Statement(select(things.c.created_at).order_by(things.c.id))
    await vault.transact(
        SCOPE, lambda tx: [tx.do(statement, id=str(flag), flag=flag) for flag in (False, True)] and tx.emit(event())
    )
    assert await vault.read(SCOPE, lambda tx: tx.all(read)) == [(0,), (1,)]


@pytest.mark.postgres
async def test_many_ids_travel_in_one_bind(postgres):
    vault = postgres.vault()
    await vault.transact(SCOPE, add("x"))
    assert await vault.fetch(FIND_MANY, sessions=["a", "b"]) == []
    assert await vault.fetch(ALL) == [("x",)]
