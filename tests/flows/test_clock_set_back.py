"""The wall clock is set back while the server is down: a session that was refused as expired must not live again."""

import time

from tests.flows.browser import Browser
from tests.flows.server import Served

_SITE = """
import os, time
_real, _shift = time.time_ns, int(os.environ.get("SHIFT_S", "0")) * 1_000_000_000
time.time_ns = lambda: _real() + _shift
"""


def test_a_session_that_was_refused_as_expired_stays_dead_after_a_restart_with_the_clock_set_back(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_SITE)
    environ = {
        "PYTHONPATH": str(tmp_path / "site"),
        "OSTIARY_SESSION_IDLE_TIMEOUT": "3s",
        "OSTIARY_SESSION_ABSOLUTE_TIMEOUT": "1h",
    }
    served = Served(tmp_path, environ)
    served.cli("init")
    served.start()
    try:
        person = Browser(served)
        assert person.enrol(served.token).status == 200
        time.sleep(4)
        dead = person.check()
        assert (dead.status, "idle_timeout" in dead.header("www-authenticate")) == (401, True)
        served.stop()
        served.environ["SHIFT_S"] = "-3600"
        served.start()
        again = person.check()
        assert again.status == 401, "an expired session, refused before, is alive again"
    finally:
        served.stop()
