"""Migrations: what they build is what the code declares, all or nothing, once, and never backwards."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from ostiary.kernel.errors import BootRefused, SettingsError, StoreUnavailable
from ostiary.storage import schema
from ostiary.storage.schema import State
from ostiary.storage.statements import METADATA
from tests.storage.ground import SOURCE, Ground, postgres_database

VERSIONS = sorted((SOURCE / "storage" / "migrations" / "versions").glob("*.py"))
DIED = """
import os, signal, sys
from ostiary.storage import schema
with schema._alone(sys.argv[1]), schema._transaction(sys.argv[1]) as connection:
    schema._apply(connection)
    os.kill(os.getpid(), signal.SIGKILL)
"""
STARTS = "import sys; from ostiary.storage import schema; print(*schema.upgrade(sys.argv[1]))"


def python(program, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def connected(url):
    engine = create_engine("sqlite://" if Ground(url).path else "postgresql+psycopg://", creator=lambda: raw(url))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def raw(url):
    path = schema.sqlite_path(url)
    return psycopg.connect(schema.libpq_url(url)) if path is None else schema.connect(path)


def shape(url):
    """Everything about every table that both servers tell: columns, keys, uniques, indexes."""
    with connected(url) as connection:
        eyes = inspect(connection)
        return {
            table: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in eyes.get_columns(table)
                ],
                "key": eyes.get_pk_constraint(table)["constrained_columns"],
                "uniques": sorted(
                    (str(one["name"]), *one["column_names"]) for one in eyes.get_unique_constraints(table)
                ),
                "indexes": sorted(
                    (str(one["name"]), one["unique"], *one["column_names"]) for one in eyes.get_indexes(table)
                ),
                "foreign": eyes.get_foreign_keys(table),
                "checks": eyes.get_check_constraints(table),
            }
            for table in eyes.get_table_names()
            if table != "alembic_version"
        }


def declared(url):
    """Build what the code declares, without any migration."""
    with connected(url) as connection:
        METADATA.create_all(connection)
        connection.commit()


@pytest.fixture
def twin(empty, tmp_path):
    """A second database beside `empty`, built from the declarations."""
    if Ground(empty).path:
        url = f"sqlite:///{tmp_path}/declared.db"
        declared(url)
        yield url
    else:
        with postgres_database(empty) as made:
            url = schema.sqlalchemy_url(made)
            declared(url)
            yield url


def test_a_fresh_database_is_built_once(empty):
    assert schema.state(empty) is State.BEHIND
    assert schema.upgrade(empty) == [version.name[:4] for version in VERSIONS]
    assert schema.state(empty) is State.CURRENT
    assert schema.upgrade(empty) == []


def test_the_migrated_schema_is_the_declared_one(empty, twin):
    schema.upgrade(empty)
    assert set(shape(empty)) == set(METADATA.tables) != set()
    assert shape(empty) == shape(twin)
    with connected(empty) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_on_sqlite_the_very_words_are_the_same(tmp_path):
    def words(url):
        rows = Ground(url).look(
            "SELECT name, sql FROM sqlite_master WHERE type != 'trigger' AND name NOT LIKE 'alembic%'"
        )
        return {name: sorted(re.split(r"[\s,()]+", sql)) for name, sql in rows if sql}

    migrated, made = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    schema.upgrade(migrated)
    declared(made)
    assert words(migrated) == words(made)  # AUTOINCREMENT is in no other view of it


def test_no_difference_goes_unseen(empty, twin):
    schema.upgrade(empty)
    seen = shape(empty)
    for sql in (
        "CREATE TABLE surplus (id INTEGER)",
        "ALTER TABLE tenants ADD COLUMN surplus VARCHAR",
        "DROP INDEX sessions_of_person",
        "CREATE UNIQUE INDEX another ON people (id, tenant_id)",
    ):
        Ground(empty).run(sql)
        assert shape(empty) != seen, sql
        seen = shape(empty)


def test_a_newer_database_is_refused_and_left_alone(empty):
    schema.upgrade(empty)
    Ground(empty).run("UPDATE alembic_version SET version_num = '9999'")
    assert schema.state(empty) is State.NEWER
    with pytest.raises(BootRefused, match=r"schema 9999, this release knows up to .*: start the newer release again"):
        schema.upgrade(empty)
    assert Ground(empty).look("SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_kill_before_the_commit_leaves_it_untouched(empty):
    died = python(DIED, empty)
    assert died.returncode == -9, died.stderr
    assert schema.state(empty) is State.BEHIND
    assert shape(empty) == {}
    assert schema.upgrade(empty) == [version.name[:4] for version in VERSIONS]
    assert set(shape(empty)) == set(METADATA.tables)


def test_of_servers_that_start_at_once_one_migrates(empty):
    with ThreadPoolExecutor(3) as starters:
        started = list(starters.map(lambda _: python(STARTS, empty), range(3)))
    assert [one.returncode for one in started] == [0, 0, 0], [one.stderr for one in started]
    said = sorted(one.stdout.strip() for one in started)
    assert said == ["", "", " ".join(version.name[:4] for version in VERSIONS)]


def test_a_migration_says_nothing(empty):
    done = python("import logging; logging.basicConfig(level=logging.DEBUG);" + STARTS, empty)
    assert "alembic" not in done.stderr


def test_a_start_without_work_does_not_import_alembic(empty):
    schema.upgrade(empty)
    done = python(STARTS + "; assert 'alembic' not in sys.modules", empty)
    assert done.returncode == 0, done.stderr


def test_the_first_file_is_for_its_owner_only(tmp_path):
    schema.upgrade(f"sqlite:///{tmp_path}/own.db")
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}


def test_asking_creates_nothing(tmp_path):
    assert schema.state(f"sqlite:///{tmp_path}/none.db") is State.BEHIND
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_answer_is_told_as_such(tmp_path):
    (tmp_path / "odd.db").write_bytes(b"not a database at all" * 100)
    for url in (f"sqlite:///{tmp_path}/odd.db", "postgresql+psycopg://nobody@127.0.0.1:9/none"):
        for ask in (schema.state, schema.upgrade):
            with pytest.raises(StoreUnavailable):
                ask(url)


@pytest.mark.parametrize(
    "given", ["postgresql://u@h:1/d?a=b", "postgres://u@h:1/d?a=b", "postgresql+psycopg://u@h:1/d?a=b"]
)
def test_libpq_forms_are_understood(given):
    assert schema.sqlalchemy_url(given) == "postgresql+psycopg://u@h:1/d?a=b"
    assert schema.libpq_url(given) == "postgresql://u@h:1/d?a=b"
    assert schema.sqlite_path(given) is None


@pytest.mark.parametrize("given", ["", "sqlite://", "sqlite:///", "mysql://h/d", "host=h dbname=d"])
def test_other_addresses_are_refused(given):
    with pytest.raises(SettingsError, match="starts with"):
        schema.sqlalchemy_url(given)


def test_revisions_follow_each_other_and_never_go_back():
    before = None
    for version in VERSIONS:
        text = version.read_text()
        names = {
            name: re.search(rf"^{name} = (.+)$", text, re.MULTILINE)[1].strip("\"'")
            for name in ("revision", "down_revision")
        }
        assert names == {"revision": version.name.split("_")[0], "down_revision": str(before)}
        assert "raise NotImplementedError" in text.split("def downgrade()")[1].split("def ")[0]
        before = names["revision"]
