"""The counters of the whole server: the sum over workers, which never falls, and no worker that counts twice."""

import os
import signal
import subprocess
import sys

from ostiary.gateway.counts import STATUSES, Counts

NOTHING = dict.fromkeys(STATUSES, 0)


def test_the_sum_over_workers_is_told_by_each(tmp_path):
    mine, yours = NOTHING | {200: 3}, NOTHING | {200: 4, 401: 1}
    one, other = Counts(tmp_path / "c", lambda: mine), Counts(tmp_path / "c", lambda: yours)
    one.sums()
    assert other.sums() == NOTHING | {200: 7, 401: 1}
    mine[200] = 5
    assert one.sums()[200] == 9
    assert other.sums()[200] == 9
    one.close()
    other.close()


def test_who_takes_the_place_of_a_worker_that_was_killed_goes_on_from_there(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from ostiary.gateway.counts import STATUSES, Counts;"
        "Counts(Path(sys.argv[1]), lambda: dict.fromkeys(STATUSES, 7)).sums(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "c")], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    alive, heir = (Counts(tmp_path / "c", lambda: dict.fromkeys(STATUSES, 1)) for _ in range(2))
    assert alive.sums() == dict.fromkeys(STATUSES, 8)
    assert heir.sums() == alive.sums() == dict.fromkeys(STATUSES, 9)
    alive.close()
    heir.close()


def test_where_the_file_cannot_be_written_a_worker_tells_of_itself(tmp_path):
    (tmp_path / "c").mkdir()
    assert Counts(tmp_path / "c", lambda: NOTHING | {503: 2}).sums() == NOTHING | {503: 2}
