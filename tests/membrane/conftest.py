"""`live` and `fixture` are tenants of one home; `both` is each of them in turn."""

from contextlib import closing

import pytest

from ostiary.kernel.values import Mode
from tests.membrane.stage import Stage
from tests.sessions.home import Home


@pytest.fixture
def home(tmp_path):
    with closing(Home(tmp_path, TRUSTED_PROXIES="127.0.0.1")) as made:
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
