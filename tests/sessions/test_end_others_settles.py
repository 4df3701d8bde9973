"""An "all others are ended" that is answered between another process's commit and its acknowledgement."""

from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason
from tests.login.gatehouse import OPERATOR


def test_the_answer_that_all_others_are_ended_is_true_at_the_next_check(gatehouse):
    """`service.end` settles a repeated end "like the first one did"; `end_others` (and a removal) does not."""
    ada = gatehouse.enrolled()
    other = gatehouse.visitor(ada.passkey)
    assert other.sign_in().status == 200
    assert ada.check().status == 200
    assert other.check().status == 200  # in the cache now; data_version was read at this microsecond
    elsewhere = gatehouse.node()  # another process on the same file: commits, and is still waiting out its 2 ms
    elsewhere.act(lambda tx: sessions.end(tx, OPERATOR, other.session, EndReason.ENDED_BY_OPERATOR))
    gatehouse.clock.turn(400)  # within the millisecond
    answer = ada.send("DELETE", "/api/v1/auth/sessions?except=current")
    assert answer.status == 200
    gatehouse.clock.turn(100)
    assert other.check().status == 401, "accepted after the owner was told that every other session is ended"
