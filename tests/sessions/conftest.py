"""`home` is an assembled application on a clock that the test turns; `homes` makes one with other settings."""

from contextlib import ExitStack, closing

import pytest

from tests.sessions.home import Home


@pytest.fixture
def homes(tmp_path):
    """Make an application on this test's folder, with these settings."""
    with ExitStack() as stack:
        yield lambda **environ: stack.enter_context(closing(Home(tmp_path, **environ)))


@pytest.fixture
def home(homes):
    """An application with the default settings."""
    return homes()


@pytest.fixture
def anywhere(tmp_path, database_url):
    """The same with the default settings, on each database."""
    with closing(Home(tmp_path, url=database_url)) as made:
        yield made
