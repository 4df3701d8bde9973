"""Wrong answers at the sign-in are counted by where they come from; a right one is never refused for them."""

from ostiary.kernel.clock import SECOND
from ostiary_client.authenticator import SoftPasskey


def wrong(gatehouse, count=1):
    """So many wrong answers from one address, each to an attempt of its own; return the answers."""
    made = []
    for _ in range(count):
        visitor = gatehouse.visitor(SoftPasskey(gatehouse.origin))
        made.append(visitor.finish(visitor.begin()))
    return made


def test_the_sixth_wrong_answer_in_a_window_is_told_to_slow_down_and_the_tenth_closes(gatehouse):
    gatehouse.enrolled()
    answers = wrong(gatehouse, 11)
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 6
    assert [answer.code for answer in answers[5:]] == ["auth_rate_limit_throttled"] * 4 + ["auth_rate_limit_locked"] * 2
    assert 0 < int(answers[5].header("retry-after")) <= 300
    assert 0 < int(answers[10].header("retry-after")) <= 900


def test_a_right_answer_passes_while_its_own_address_is_closed(gatehouse):
    person = gatehouse.enrolled()
    wrong(gatehouse, 30)
    again = gatehouse.visitor(person.passkey)
    assert again.sign_in().status == 200


def test_the_window_over_a_wrong_answer_is_only_wrong_again(gatehouse):
    gatehouse.enrolled()
    assert wrong(gatehouse, 6)[-1].status == 429
    gatehouse.clock.turn(301 * SECOND)
    assert wrong(gatehouse)[0].status == 401


def test_each_wrong_answer_leaves_its_one_receipt_that_says_what_was_wrong(gatehouse):
    gatehouse.enrolled()
    before = len(gatehouse.receipts())
    wrong(gatehouse, 7)
    made = gatehouse.receipts()[before:]
    assert [one.operation for one in made] == ["login.finish"] * 7
    assert made[-1].reasons[:2] == ("auth_rate_limit_throttled", "login_refused")
