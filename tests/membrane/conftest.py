"""`live` and `fixture` are tenants of one home; `both` is each of them in turn."""

from contextlib import closing

import pytest

from ostiary.kernel.values import Mode
from tests.membrane.stage import Stage
from tests.recovery import story as story  # noqa: PLC0414 - completes what the stage can ask, by being imported
from tests.sessions.home import Failing, Home


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


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """A live, a fixture and a seeded tenant of one home, whose store can be taken away."""
    folder = tmp_path_factory.mktemp("stages")
    with closing(Home(folder, vault=lambda house: Failing(house.vault), TRUSTED_PROXIES="127.0.0.1")) as home:
        made = {
            "live": Stage(home),
            "fixture": Stage(home, "rehearsal", Mode.FIXTURE),
            "seeded": Stage(home, "calibration", Mode.FIXTURE, seeded=True),
        }
        made["live"].other, made["fixture"].other, made["seeded"].other = made["fixture"], made["live"], made["live"]
        yield made


@pytest.fixture(params=["live", "fixture"])
def each(request, stages):
    """A live and a fixture tenant in turn, with a person and an address that are new."""
    return stages[request.param].anew()
