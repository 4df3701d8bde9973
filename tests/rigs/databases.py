"""Databases for tests, each a copy of one that the migrations have made: they run once a process, not once a test."""

import atexit
import os
import secrets
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import psycopg

from ostiary import house
from ostiary.storage import schema
from tests.storage.ground import postgres_database


def migrate(settings):
    """Do as `house.migrate`, beginning with a copy of a migrated file where there is no SQLite file yet."""
    path = house.database_path(settings)
    if path is not None and not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(_sqlite(), path)
    house.migrate(settings)


@contextmanager
def migrated_url():
    """The address of a migrated PostgreSQL database of its own, dropped afterwards."""
    with postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"], _postgres()) as url:
        yield url


@contextmanager
def postgres_url():
    """The address of a PostgreSQL database with an empty schema of its own, which nobody has migrated; dropped afterwards."""
    url, name = os.environ["OSTIARY_TEST_POSTGRES_URL"], f"gatehouse_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    try:
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


@cache
def _sqlite():
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "migrated.sqlite"
    schema.upgrade(f"sqlite:///{path}")
    return path


@cache
def _postgres():
    stack = ExitStack()
    atexit.register(stack.close)
    url = stack.enter_context(postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"]))
    schema.upgrade(schema.sqlalchemy_url(url))
    return url.rpartition("/")[2]
