"""The doctor at a PostgreSQL."""

import os

import psycopg
import pytest

from ostiary.cli.doctor import database
from ostiary.cli.doctor.finding import Level
from ostiary.storage.inspection import Facts
from tests.cli.doctor.test_doctor import advice, examined, found
from tests.rigs.databases import postgres_url
from tests.rigs.pooler import pooler, program
from tests.storage.ground import postgres_database

SOUND = {
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_standby_names": "",
    "default_transaction_read_only": "off",
    "standbys": "0",
}


def levels(**words):
    findings = list(database._engine(Facts("PostgreSQL 15", SOUND | words), None))
    return [finding.level for finding in findings if finding.level is not Level.OK], findings[-1].says


@pytest.mark.parametrize(
    ("words", "worse"),
    [
        ({}, []),
        ({"fsync": "off"}, [Level.PROBLEM]),
        ({"full_page_writes": "off"}, [Level.WARNING]),
        ({"standbys": "1"}, [Level.WARNING]),
        ({"standbys": "1", "synchronous_standby_names": "b"}, []),
        ({"synchronous_commit": "off"}, []),
    ],
)
def test_settings_that_lose_acknowledged_changes(words, worse):
    assert levels(**words)[0] == worse


def test_a_weak_default_is_raised_and_told():
    assert "raises to on" in levels(synchronous_commit="local")[1]
    assert "raises" not in levels()[1]


def test_a_server_that_nobody_reaches_is_told_without_the_password(settled):
    settled.set(DATABASE_URL="postgresql://ann:hush@127.0.0.1:9/ostiary")
    rows = examined(settled)
    assert "postgresql://ann@127.0.0.1:9/ostiary cannot be read" in found(rows, "problem", "database")[0]
    assert "OSTIARY_DATABASE_URL" in advice(rows, "database")
    assert "hush" not in str(rows)


@pytest.mark.postgres
def test_a_key_is_made_beside_an_empty_postgresql_and_put_back_beside_a_used_one(shell):
    with postgres_url() as url:
        shell.set(DATABASE_URL=url)
        shell.done("migrate")
        assert shell.rows("init")[0]["kek_made"] is True
        shell.done("keys", "list")
        shell.kek.unlink()
        code, _, err = shell("init")
        assert (code, "OSTIARY_DATABASE_URL names holds keys" in err, url in err) == (2, True, False), err
        assert "Put it back" in advice(examined(shell), "key")


@pytest.mark.postgres
def test_a_postgresql_from_empty_to_served(settled):
    with postgres_url() as url:
        settled.set(DATABASE_URL=url)
        assert "run `ostiary migrate`" in advice(examined(settled), "schema").lower()
        settled.done("migrate")
        settled.done("people", "add", "--email", "a@b.test")
        rows = examined(settled)
        assert found(rows, "problem", "database") == []
        assert any("synchronous_commit" in says for says in found(rows, "ok", "database"))
        assert "opens all" in found(rows, "ok", "keys")[0]
        assert f"{url.partition('?')[0]} is reached" in found(rows, "ok", "database")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert "9999" in found(examined(settled), "problem", "schema")[0]


@pytest.mark.postgres
@pytest.mark.parametrize("part", ["user", "dbname"])
def test_an_address_that_names_nobody_is_to_be_corrected(settled, part):
    given = psycopg.conninfo.conninfo_to_dict(os.environ["OSTIARY_TEST_POSTGRES_URL"]) | {part: "nosuch"}
    place = f"{given['host']}:{given.get('port', 5432)}/{given['dbname']}"
    settled.set(DATABASE_URL=f"postgresql://{given['user']}:hush@{place}")
    code, out, err = settled("people", "list")
    assert (code, out) == (75, "")
    assert "does not exist. Correct the address in OSTIARY_DATABASE_URL; `ostiary doctor`" in err
    rows = examined(settled)
    assert f"postgresql://{given['user']}@{place} cannot be read" in found(rows, "problem", "database")[0]
    assert advice(rows, "database") == "Correct the address in OSTIARY_DATABASE_URL."
    assert "hush" not in err + str(rows)


@pytest.mark.postgres
def test_a_postgresql_that_takes_no_writes(settled):
    with postgres_url() as url:
        settled.set(DATABASE_URL=url)
        settled.done("migrate")
        settled.set(DATABASE_URL=f"{url}%20-cdefault_transaction_read_only%3Don")
        assert "takes no writes" in found(examined(settled), "problem", "database")[0]


@pytest.mark.postgres
@pytest.mark.skipif(program() is None, reason="no PgBouncer here")
def test_a_pooler_without_a_way_past_it_is_told(settled):
    with postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"]) as url, pooler(url, "transaction") as pooled:
        settled.set(DATABASE_URL=pooled.url)
        settled.done("migrate")
        assert "OSTIARY_DATABASE_DIRECT_URL" in advice(examined(settled), "database")
        settled.set(DATABASE_DIRECT_URL=url)
        assert found(examined(settled), "warning", "database") == []
