"""A database file that was moved or replaced: writes are refused, but checks go on from the ghost."""

import shutil
import sqlite3

from tests.flows.browser import Browser


def _replace(served):
    path = served.folder / "data" / "ostiary.sqlite"
    copy = path.with_name("copy.sqlite")
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    source.backup(target)
    target.close()
    source.close()
    path.rename(served.folder / "old.sqlite")
    for end in ("-wal", "-shm"):
        shutil.move(f"{path}{end}", served.folder / f"old.sqlite{end}")
    copy.rename(path)


def test_no_check_is_accepted_after_an_end_in_the_file_that_has_taken_the_place(server):
    """The operator restores a backup under the running server, then ends a session; the end is acknowledged."""
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    assert person.check().status == 200
    _replace(server)
    assert f"ended {person.session}" in server.cli("sessions", "revoke", person.session)
    answers = {person.check().status for _ in range(20)}
    assert 200 not in answers, "accepted after the end was acknowledged, and nothing ever stops it"


def test_a_server_whose_file_was_replaced_is_not_ready(server):
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    _replace(server)
    assert person.send("POST", "/auth/logout").status == 503  # the writer has noticed
    assert person.send("GET", "/readyz", internal=True).status == 503
