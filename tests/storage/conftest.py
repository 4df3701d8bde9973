"""`ground` is a fresh migrated database: the same test runs on SQLite and on PostgreSQL."""

import os
from contextlib import closing

import pytest

from ostiary.storage import schema
from tests.storage.ground import MAKE_THINGS, Ground, postgres_database, sqlite_ground


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    schema.upgrade(f"sqlite:///{path}")
    Ground(f"sqlite:///{path}").run(MAKE_THINGS)
    return path


@pytest.fixture(scope="session")
def postgres_template():
    server = os.environ["OSTIARY_TEST_POSTGRES_URL"]
    with postgres_database(server) as url:
        schema.upgrade(schema.sqlalchemy_url(url))
        Ground(schema.sqlalchemy_url(url)).run(MAKE_THINGS)
        yield server, url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ground(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty(request, tmp_path):
    """The address of a database that nobody has migrated."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/100 % {request.param}?.db"
    else:
        with postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"]) as url:
            yield schema.sqlalchemy_url(url)


@pytest.fixture
def vault(ground):
    return ground.vault()


@pytest.fixture
def sqlite(tmp_path, sqlite_template):
    with sqlite_ground(tmp_path, sqlite_template) as made:
        yield made


@pytest.fixture
def postgres(postgres_template):
    server, template = postgres_template
    with postgres_database(server, template) as url, closing(Ground(schema.sqlalchemy_url(url))) as made:
        yield made
