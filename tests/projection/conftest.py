"""`redis` is a Redis of this module's own, empty at each test; `stage` an Ostiary beside it, on each database."""

from contextlib import ExitStack, closing

import pytest

from tests.projection.stage import Stage
from tests.rigs.redises import redis_server


@pytest.fixture(scope="module")
def own_redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(own_redis):
    with own_redis.client() as client:
        client.flushall()
    return own_redis


@pytest.fixture
def stage(tmp_path, redis, database_url):
    with closing(Stage(tmp_path, redis, url=database_url)) as made:
        yield made


@pytest.fixture
def stages(tmp_path):
    """Make one beside this server, on SQLite."""
    with ExitStack() as stack:
        yield lambda server, **environ: stack.enter_context(closing(Stage(tmp_path, server, **environ)))
