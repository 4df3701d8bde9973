"""What every test may use: a house on a temporary folder, a served one, people with software passkeys."""

import gc

import pytest
from hypothesis import settings

from tests.flows.server import serving
from tests.login.gatehouse import opened
from tests.rigs.databases import migrated_url

settings.register_profile("ostiary", deadline=None)  # how long something takes decides nothing
settings.load_profile("ostiary")

pytest.register_assert_rewrite("tests.contracts.login_method")
pytest_plugins = ["tests.plugin_counterparts"]


def pytest_collection_finish():
    """What was collected stays: to look through it again and again is a tenth of all that the tests do."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def server(tmp_path):
    """A real `ostiary serve` on free ports and a fresh data folder."""
    with serving(tmp_path) as served:
        yield served


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """The same, one for a module: for tests that leave nothing behind that others could see."""
    with serving(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def gatehouse(tmp_path):
    """The whole application in this process, on a clock that the test turns."""
    with opened(tmp_path) as made:
        yield made


@pytest.fixture
def everywhere(tmp_path, database_url):
    """The same, on each database."""
    with opened(tmp_path, url=database_url) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request):
    """For tests that run on both databases: "" is SQLite, in whatever folder they take."""
    if request.param == "sqlite":
        yield ""
    else:
        with migrated_url() as url:
            yield url
