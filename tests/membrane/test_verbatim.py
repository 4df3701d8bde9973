"""The published examples on a seeded fixture tenant, as they stand there (ruling 33)."""

from contextlib import closing

import pytest

from ostiary.kernel.values import Mode
from tests.membrane.stage import Asking, Stage, code
from tests.membrane.verbatim import EXAMPLES
from tests.sessions.home import Home


class Calibration(Stage):
    """The tenant that the examples name."""

    own, party_id, second_origin = "https://gestalt.local", "gestalt.local", "https://gestalt.local:8443"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    with closing(Home(tmp_path_factory.mktemp("verbatim"))) as home:
        stage = Calibration(home, "rheinwerk_calibration", Mode.FIXTURE, seeded=True)
        stage.sow()
        yield stage


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.operation for one in EXAMPLES])
def test_an_example_runs_as_it_stands_or_is_refused_for_the_reason_that_the_page_gives(seeded, example):
    seeded.sow()
    heard = seeded.send(Asking(example.operation, "fixture-session-token", dict(example.fields)))
    assert (heard.status == 200, code(heard) or "") == (not example.refused, example.refused), heard.json
    assert heard.json["receipt"]["fixture"] is True


def test_the_four_that_must_run_do():
    run = {one.operation for one in EXAMPLES if not one.refused}
    assert {"auth.loginStart", "auth.rateLimitEvaluate", "auth.sessionInspect", "authority.sessionRevoke"} <= run
