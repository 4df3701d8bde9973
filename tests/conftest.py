"""What every test may use: a house on a temporary folder, a served one, people with software passkeys."""

import pytest
from hypothesis import settings

from tests.flows.server import serving
from tests.login.gatehouse import opened, postgres_url

settings.register_profile("ostiary", deadline=None)  # how long something takes decides nothing
settings.load_profile("ostiary")

pytest.register_assert_rewrite("tests.contracts.login_method")
pytest_plugins = ["tests.plugin_counterparts"]


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


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A folder with a database and its keys, for gatehouses to begin with."""
    folder = tmp_path_factory.mktemp("furnished")
    with opened(folder):
        return folder


@pytest.fixture
def gatehouse(tmp_path, furnished):
    """The whole application in this process, on a clock that the test turns."""
    with opened(tmp_path, like=furnished) as made:
        yield made


@pytest.fixture
def everywhere(tmp_path, furnished, database_url):
    """The same, on each database."""
    with opened(tmp_path, url=database_url, like=furnished) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request):
    """For tests that run on both databases: "" is SQLite, in whatever folder they take."""
    if request.param == "sqlite":
        yield ""
    else:
        with postgres_url() as url:
            yield url
