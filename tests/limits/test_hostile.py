"""What a stranger tries: to lock a person out, to escape the count, to use an evaluation that is not theirs."""

from functools import partial

import pytest

from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.values import ANONYMOUS
from ostiary.limits import service as limits
from ostiary.limits.model import EVALUATION_LIFE
from tests.limits.knocking import (
    ADA,
    ALLOW,
    AWAY,
    EVE,
    HOME,
    LOCKOUT,
    THROTTLE,
    decisions,
    evaluate,
    knock,
    relieve,
    set_policy,
    stored,
    use,
)
from tests.login.gatehouse import opened

ADDRESSES, EACH = 1000, 10


@pytest.fixture
def anywhere(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as made:
        yield made


def test_a_stranger_cannot_lock_a_person_out(gatehouse):
    for number in range(30):
        evaluate(gatehouse, ADA, f"hash-{number}")
    assert decisions(gatehouse, 20, ADA, AWAY)[-1] is LOCKOUT
    made = evaluate(gatehouse, ADA, HOME)
    assert made.decision is ALLOW
    told = gatehouse.receipts(id=made.receipt)[0].reasons
    assert "subject:41" in told, "and yet the evidence says how many tried"


def test_a_strangers_claim_of_my_device_does_not_lock_my_device_out(gatehouse):
    mine = {"device": "device_binding:mine"}
    assert decisions(gatehouse, 20, EVE, AWAY, **mine)[-1] is LOCKOUT
    assert decisions(gatehouse, 5, ADA, HOME, **mine) == [ALLOW] * 5


def test_varied_claims_do_not_escape_the_count(anywhere):
    told = [evaluate(anywhere, device=f"device_binding:{n}", source=f"sha256:{n}").decision for n in range(10)]
    assert told == [ALLOW] * 5 + [THROTTLE] * 4 + [LOCKOUT]


def test_varied_subjects_do_not_escape_the_count_of_a_claimed_device(gatehouse):
    told = [evaluate(gatehouse, f"user-{n}", device="device_binding:one").decision for n in range(10)]
    assert told == [ALLOW] * 5 + [THROTTLE] * 4 + [LOCKOUT]


def test_varied_subjects_and_devices_do_not_escape_the_count_of_the_address(gatehouse):
    told = [evaluate(gatehouse, f"user-{n}", device=f"device_binding:{n}").decision for n in range(200)]
    assert (told[99], told[100], told[198], told[199]) == (ALLOW, THROTTLE, THROTTLE, LOCKOUT)


def test_people_behind_one_address_who_claim_no_device_are_not_one_device(gatehouse):
    assert [evaluate(gatehouse, f"user-{n}").decision for n in range(20)] == [ALLOW] * 20


def test_without_an_address_nobody_is_stopped_because_nobody_is_told_from_a_stranger(gatehouse):
    assert decisions(gatehouse, 30, ADA, "", device="device_binding:a") == [ALLOW] * 30
    assert "subject:30" in gatehouse.receipts(operation="limit.evaluate")[-1].reasons


@pytest.mark.parametrize("part", ["subject", "address"])
def test_no_part_of_a_counter_can_pose_as_another(gatehouse, part):
    """Without lengths between them, `ab` and `c` would be counted with `a` and `bc`."""
    assert decisions(gatehouse, 6, "user-ab", "c")[-1] is THROTTLE
    given = {"subject": "user-a", "address": "bc"} if part == "subject" else {"subject": "user-abc", "address": ""}
    assert evaluate(gatehouse, *given.values()).decision is ALLOW


def test_a_fresh_proof_of_presence_is_never_stopped_and_is_told_so(anywhere):
    assert decisions(anywhere, 11)[-1] is LOCKOUT
    made = evaluate(anywhere, attempt="la-a", lifted=True)
    assert (made.decision, made.retry_after) == (ALLOW, 0)
    assert anywhere.receipts(id=made.receipt)[0].reasons == ("allow", "presence", "policy:default")
    assert decisions(anywhere, 1) == [LOCKOUT], "it lifts for the one who proved, not for the next"
    assert use(anywhere, made, "la-a")
    relieve(anywhere, made)
    assert decisions(anywhere, 6) == [ALLOW] * 5 + [THROTTLE]


def test_a_proof_relieves_its_own_pair_and_nobody_elses(anywhere):
    device = {"device": "device_binding:a"}
    mine = [evaluate(anywhere, ADA, HOME, **device) for _ in range(5)][-1]
    decisions(anywhere, 6, EVE, HOME)
    decisions(anywhere, 6, ADA, AWAY)
    relieve(anywhere, mine)
    assert decisions(anywhere, 5, ADA, HOME, **device) == [ALLOW] * 5
    assert decisions(anywhere, 1, EVE, HOME) == decisions(anywhere, 1, ADA, AWAY) == [THROTTLE]


def test_an_office_behind_one_address_signs_in_as_often_as_it_proves_itself(gatehouse):
    for number in range(150):
        made = evaluate(gatehouse, f"user-{number}")
        assert made.decision is ALLOW
        relieve(gatehouse, made)


def test_signing_in_as_oneself_does_not_wash_off_what_was_tried_at_others(gatehouse):
    """One proof gives the address back its own attempt, no more; and none that an earlier window had counted."""
    for number in range(100):
        evaluate(gatehouse, f"user-{number}")
        relieve(gatehouse, evaluate(gatehouse, EVE))
    assert decisions(gatehouse, 1, "user-more") == [THROTTLE]
    for _ in range(2):
        relieve(gatehouse, evaluate(gatehouse, EVE, AWAY))
    old = evaluate(gatehouse, EVE, AWAY)
    gatehouse.clock.turn(300 * SECOND)
    for number in range(100):
        evaluate(gatehouse, f"user-{number}", AWAY)
    relieve(gatehouse, old)
    assert decisions(gatehouse, 1, "user-more", AWAY) == [THROTTLE]


def test_an_attempt_that_was_lifted_was_not_counted_and_gives_nothing_back(gatehouse):
    evaluate(gatehouse, EVE)
    relieve(gatehouse, evaluate(gatehouse, ADA, lifted=True))
    assert gatehouse.rows("SELECT count FROM limit_counters WHERE kind = 'address'") == [(1,)]


def test_a_proof_that_is_told_twice_gives_no_attempt_in_advance(gatehouse):
    made = evaluate(gatehouse)
    for _ in range(3):
        relieve(gatehouse, made)
    assert gatehouse.rows("SELECT count FROM limit_counters WHERE kind = 'address'") == [(0,)]


def test_a_proof_does_not_open_an_address_that_is_locked(gatehouse):
    set_policy(gatehouse, soft=1, lockout=2)
    mine = evaluate(gatehouse, EVE)
    for number in range(39):
        evaluate(gatehouse, f"user-{number}")
    assert decisions(gatehouse, 1, "user-more") == [LOCKOUT]
    relieve(gatehouse, mine)
    assert decisions(gatehouse, 1, "user-more") == [LOCKOUT]


def test_an_evaluation_is_used_once_by_its_attempt_while_it_is_fresh(anywhere):
    made = evaluate(anywhere, attempt="la-a")
    assert not use(anywhere, made, "la-b")
    assert not use(anywhere, made, "")
    assert use(anywhere, made, "la-a")
    assert not use(anywhere, made, "la-a")
    assert anywhere.read(lambda tx: limits.find(tx, made.id)).used_at == anywhere.clock()
    late = evaluate(anywhere, attempt="la-a")
    anywhere.clock.turn(EVALUATION_LIFE - 1)
    last = evaluate(anywhere, attempt="la-c")
    anywhere.clock.turn(1)
    assert not use(anywhere, late, "la-a")
    assert use(anywhere, last, "la-c")


def test_an_evaluation_of_no_attempt_is_used_by_nobody(gatehouse):
    made = evaluate(gatehouse)
    assert not use(gatehouse, made, "")
    assert not use(gatehouse, made, "la-a")


def test_a_throttle_and_a_lockout_are_never_used(gatehouse):
    told = [evaluate(gatehouse, attempt="la-a") for _ in range(10)]
    for refused in (told[5], told[9]):
        assert refused.id
        assert not use(gatehouse, refused, "la-a")
    assert not use(gatehouse, "", "la-a")
    assert not use(gatehouse, "lev-x' OR ''='", "la-a")
    assert gatehouse.read(lambda tx: limits.find(tx, "")) is None


def test_what_is_old_is_collected_and_nothing_else(anywhere):
    evaluate(anywhere, ADA, attempt="la-a")
    assert decisions(anywhere, 10, EVE)[-1] is LOCKOUT
    assert anywhere.act(limits.collect) == 0
    anywhere.clock.turn(301 * SECOND)
    evaluate(anywhere, ADA, AWAY)
    assert anywhere.act(limits.collect) == 3, "Ada's pair is over, and both subjects' and the address's counters"
    assert decisions(anywhere, 1, EVE) == [LOCKOUT]
    anywhere.clock.turn(24 * 60 * MINUTE)
    while anywhere.act(limits.collect):
        pass
    assert anywhere.rows("SELECT count(*) FROM evaluations") == [(9,)], "evaluations are kept for a day"
    anywhere.clock.turn(EVALUATION_LIFE)
    fresh = evaluate(anywhere, ADA)
    while anywhere.act(limits.collect):
        pass
    assert anywhere.rows("SELECT id FROM evaluations")[0][0] == fresh.id
    assert anywhere.rows("SELECT count(*) FROM limit_counters") == [(3,)]
    told = anywhere.receipts(operation="limit.collect")
    assert told[0].reasons == ("counters:3", "evaluations:0")


def test_ten_thousand_attempts_from_a_thousand_addresses_never_stop_the_person_and_the_log_stays_small(gatehouse):
    vault = gatehouse.house.vault

    def attack(turn):
        hostile = (knock(ADA, f"hash-{number}", device=f"device_binding:{turn}") for number in range(ADDRESSES))
        acts = (partial(limits.evaluate, caller=ANONYMOUS, knock=one) for one in hostile)
        return gatehouse.together(*(vault.transact(gatehouse.scope, act) for act in acts))

    for turn in range(EACH):
        attack(turn)
        mine = evaluate(gatehouse, ADA, HOME, attempt=f"la-{turn}")
        assert mine.decision is ALLOW
        assert use(gatehouse, mine, f"la-{turn}")
        relieve(gatehouse, mine)
    told = len(gatehouse.receipts(operation="limit.evaluate"))
    assert told == ADDRESSES * 7 + EACH, "an address leaves five that pass, one throttle and one lockout, and no more"
    before = stored(gatehouse)
    for turn in range(EACH):
        assert {one.decision for one in attack(turn)} == {LOCKOUT}
    assert stored(gatehouse) == before, "the next ten thousand leave nothing at all"
    assert evaluate(gatehouse, ADA, HOME).decision is ALLOW
