"""`live` and `fixture` are tenants of one home; `both` is each of them in turn; `lost` is the story in each."""

from contextlib import closing

import pytest

from ostiary.kernel.values import Mode
from tests.membrane.stage import Stage
from tests.recovery.story import Story
from tests.sessions.home import Home


@pytest.fixture
def home(tmp_path):
    with closing(Home(tmp_path)) as made:
        yield made


@pytest.fixture
def live(home):
    return Stage(home)


@pytest.fixture
def fixture(home):
    return Stage(home, "rehearsal", Mode.FIXTURE)


@pytest.fixture(params=["live", "fixture"])
def both(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def lost(live):
    """Somebody of the default tenant, whose own address is their contact."""
    return Story(live)


@pytest.fixture
def anywhere(database_url, tmp_path):
    """The same on either database."""
    with closing(Home(tmp_path, url=database_url)) as made:
        yield Story(Stage(made))
