"""What the counts decide, at every line between two decisions; each stored number has an effect that is seen here."""

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refusals import Code
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.limits import service as limits
from ostiary.limits.model import DEFAULT, Numbers, Policy, seconds
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
    fixture,
    set_policy,
    stored,
)
from tests.login.gatehouse import OPERATOR, opened


@pytest.fixture
def anywhere(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as made:
        yield made


def test_the_built_in_numbers_allow_five_slow_down_four_and_lock_at_ten(anywhere):
    assert decisions(anywhere, 12) == [ALLOW] * 5 + [THROTTLE] * 4 + [LOCKOUT] * 3


@pytest.mark.parametrize(
    ("attempts", "soft", "lockout", "expected"),
    [
        (1, 5, 10, ALLOW),
        (3, 3, 10, ALLOW),
        (4, 3, 10, THROTTLE),
        (9, 3, 10, THROTTLE),
        (10, 3, 10, LOCKOUT),
        (11, 3, 10, LOCKOUT),
        (2, 3, 3, ALLOW),
        (3, 3, 3, LOCKOUT),
        (1, 1, 1, LOCKOUT),
        (1, 1, 2, ALLOW),
        (2, 1, 2, LOCKOUT),
    ],
)
def test_counts_at_and_around_each_line(gatehouse, attempts, soft, lockout, expected):
    set_policy(gatehouse, soft=soft, lockout=lockout)
    assert decisions(gatehouse, attempts)[-1] is expected
    numbers = Numbers(300 * SECOND, attempts, soft, lockout, 900 * SECOND)
    told = evaluate(gatehouse, scope=fixture(gatehouse), numbers=numbers)
    assert told.decision is expected, "the request's own numbers decide the same"


def test_a_window_that_is_over_starts_anew_at_its_last_microsecond(anywhere):
    set_policy(anywhere, window=60, soft=1, lockout=5)
    assert decisions(anywhere, 1) == [ALLOW]
    anywhere.clock.turn(60 * SECOND - 1)
    assert evaluate(anywhere).retry_after == 1
    anywhere.clock.turn(1)
    assert decisions(anywhere, 2) == [ALLOW, THROTTLE]


def test_each_counter_has_a_window_of_its_own(gatehouse):
    set_policy(gatehouse, window=60, soft=1, lockout=5)
    assert decisions(gatehouse, 1, ADA) == [ALLOW]
    gatehouse.clock.turn(40 * SECOND)
    assert decisions(gatehouse, 1, EVE) == [ALLOW]
    gatehouse.clock.turn(20 * SECOND)
    assert (decisions(gatehouse, 1, ADA), decisions(gatehouse, 1, EVE)) == ([ALLOW], [THROTTLE])


def test_a_throttle_says_how_much_of_the_window_is_left(gatehouse):
    decisions(gatehouse, 5)
    gatehouse.clock.turn(100 * SECOND + 1)
    assert evaluate(gatehouse).retry_after == 200


def test_a_lockout_lasts_its_pause_and_attempts_neither_extend_it_nor_change_anything(anywhere):
    set_policy(anywhere, window=30, soft=2, lockout=3, pause=100)
    assert decisions(anywhere, 3)[-1] is LOCKOUT
    before = stored(anywhere)
    for left in (100, 70, 40, 10):
        told = evaluate(anywhere)
        assert (told.id, told.receipt, told.decision, told.retry_after) == ("", "", LOCKOUT, left)
        anywhere.clock.turn(30 * SECOND)
    assert stored(anywhere) == before
    anywhere.clock.turn(-20 * SECOND - 1)
    assert evaluate(anywhere).retry_after == 1
    anywhere.clock.turn(1)
    assert decisions(anywhere, 3) == [ALLOW, ALLOW, LOCKOUT]


def test_after_a_pause_that_is_shorter_than_the_window_the_counter_starts_anew(gatehouse):
    set_policy(gatehouse, window=300, soft=2, lockout=3, pause=10)
    assert decisions(gatehouse, 3)[-1] is LOCKOUT
    gatehouse.clock.turn(10 * SECOND)
    assert decisions(gatehouse, 3) == [ALLOW, ALLOW, LOCKOUT]


@pytest.mark.parametrize(
    ("number", "changed", "told"),
    [
        ("window", 60, [(ALLOW, 0)] * 5 + [(THROTTLE, 60)] * 4 + [(LOCKOUT, 900)]),
        ("soft", 7, [(ALLOW, 0)] * 7 + [(THROTTLE, 300)] * 2 + [(LOCKOUT, 900)]),
        ("lockout", 7, [(ALLOW, 0)] * 5 + [(THROTTLE, 300)] + [(LOCKOUT, 900)] * 4),
        ("pause", 30, [(ALLOW, 0)] * 5 + [(THROTTLE, 300)] * 4 + [(LOCKOUT, 30)]),
    ],
)
def test_every_stored_number_has_its_effect(anywhere, number, changed, told):
    assert set_policy(anywhere, **{number: changed}) is None
    assert [(one.decision, one.retry_after) for one in (evaluate(anywhere) for _ in range(10))] == told


def test_policies_count_apart_and_each_by_its_own_numbers(gatehouse):
    set_policy(gatehouse, "strict", soft=1, lockout=2)
    assert decisions(gatehouse, 2, policy="strict") == [ALLOW, LOCKOUT]
    assert decisions(gatehouse, 6) == [ALLOW] * 5 + [THROTTLE]


@pytest.mark.parametrize("place", ["route", "action"])
def test_routes_and_actions_count_apart(gatehouse, place):
    assert decisions(gatehouse, 6)[-1] is THROTTLE
    assert decisions(gatehouse, 1, **{place: "another"}) == [ALLOW]


def test_tenants_count_apart_and_see_nothing_of_each_other(gatehouse):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    set_policy(gatehouse, "mine")
    mine = [evaluate(gatehouse, attempt="la-a") for _ in range(6)]
    assert mine[-1].decision is THROTTLE
    assert decisions(gatehouse, 1, scope=other) == [ALLOW]
    assert house.vault.read_now(other, lambda tx: limits.find(tx, mine[0].id)) is None
    assert house.vault.read_now(other, limits.list_policies) == [(DEFAULT, True)]
    assert house.vault.transact_now(other, lambda tx: limits.use(tx, mine[0].id, "la-a")) is False


def test_one_address_over_all_subjects_has_twenty_times_the_numbers(anywhere):
    set_policy(anywhere, soft=2, lockout=3, pause=50)
    told = [evaluate(anywhere, f"user-{number}").decision for number in range(62)]
    assert told == [ALLOW] * 40 + [THROTTLE] * 19 + [LOCKOUT] * 3
    assert decisions(anywhere, 1, "user-new", AWAY) == [ALLOW]


def test_a_removed_policy_is_unknown_and_default_falls_back(gatehouse):
    set_policy(gatehouse, "strict")
    set_policy(gatehouse, soft=1, lockout=1)
    for name in ("strict", "default"):
        assert gatehouse.act(lambda tx, name=name: limits.remove_policy(tx, OPERATOR, name)) is None
        refused = gatehouse.act(lambda tx, name=name: limits.remove_policy(tx, OPERATOR, name))
        assert refused.code is Code.LIMIT_POLICY_UNKNOWN
    assert gatehouse.read(lambda tx: limits.policy(tx, "strict")) is None
    assert gatehouse.read(lambda tx: limits.policy(tx, "default")) == DEFAULT
    assert gatehouse.read(limits.list_policies) == [(DEFAULT, True)]
    with pytest.raises(ContractBroken, match="policy"):
        evaluate(gatehouse, policy="strict")


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"window": 0}, "window"),
        ({"window": -1}, "window"),
        ({"window": 24 * 3600 + 1}, "window"),
        ({"window": 0.5}, "window"),
        ({"soft": 0}, "soft"),
        ({"soft": -5}, "soft"),
        ({"soft": 1_000_001, "lockout": 1_000_001}, "soft"),
        ({"lockout": 0}, "lockout"),
        ({"lockout": 4}, "lockout"),
        ({"lockout": 1_000_001}, "lockout"),
        ({"pause": 0}, "pause"),
        ({"pause": 7 * 24 * 3600 + 1}, "pause"),
    ],
)
def test_what_is_no_policy_is_refused_by_the_part_that_is_wrong(gatehouse, changed, part):
    refused = set_policy(gatehouse, **changed)
    assert refused.code is Code.LIMIT_POLICY_INVALID
    assert part in refused.reasons
    assert gatehouse.read(limits.list_policies) == [(DEFAULT, True)]


def test_the_bounds_themselves_are_fit():
    for policy in (
        Policy("a", SECOND, 1, 1, SECOND),
        Policy("Z" * 80, 86_400 * SECOND, 10**6, 10**6, 604_800 * SECOND),
    ):
        assert policy.faults == ()
    assert Policy("a", SECOND + 1, 1, 1, SECOND).faults == ("window",)


def test_waiting_times_are_never_too_short():
    assert [seconds(micros) for micros in (-5, 0, 1, SECOND, SECOND + 1)] == [1, 1, 1, 1, 2]


def test_a_policy_is_set_over_one_of_its_name_and_told(anywhere):
    set_policy(anywhere, "x", soft=1)
    set_policy(anywhere, "x", window=10, soft=2, lockout=3, pause=4)
    rule = Policy("x", 10 * SECOND, 2, 3, 4 * SECOND)
    assert anywhere.read(limits.list_policies) == [(DEFAULT, True), (rule, False)]
    told = anywhere.receipts(operation="limit.set")[-1]
    assert told.reasons == ("window:10000000", "soft:2", "lockout:3", "pause:4000000")


def test_numbers_of_a_request_decide_in_a_fixture_tenant_and_move_nothing_that_is_enforced(anywhere):
    numbers = Numbers(60 * SECOND, 10, 3, 10, 120 * SECOND)
    scope = fixture(anywhere)
    for _ in range(3):
        told = evaluate(anywhere, scope=scope, numbers=numbers)
        assert (told.decision, told.retry_after) == (LOCKOUT, 120)
        assert told.id
    counts = anywhere.receipts(operation="limit.evaluate")[-1].reasons
    assert {"pair:3", "address:3", "subject:3", "attempts:10"} <= set(counts)
    assert decisions(anywhere, 6, scope=scope) == [ALLOW] * 5 + [THROTTLE]


def test_each_throttle_by_a_requests_own_numbers_is_on_record(gatehouse):
    numbers = Numbers(60 * SECOND, 4, 3, 10, 120 * SECOND)
    told = [evaluate(gatehouse, scope=fixture(gatehouse), numbers=numbers) for _ in range(6)]
    assert [(one.decision, one.retry_after) for one in told] == [(THROTTLE, 60)] * 6
    assert all(one.id and one.receipt for one in told)


def test_the_longest_wait_of_the_worst_counters_is_told(gatehouse):
    device = {"device": "device_binding:a"}
    decisions(gatehouse, 5, ADA, **device)
    gatehouse.clock.turn(100 * SECOND)
    decisions(gatehouse, 5, EVE)
    assert evaluate(gatehouse, EVE, **device).retry_after == 300


def test_numbers_of_a_request_are_a_broken_contract_in_a_live_tenant(gatehouse):
    assert gatehouse.scope.mode is Mode.LIVE
    before = stored(gatehouse)
    with pytest.raises(ContractBroken, match="numbers"):
        evaluate(gatehouse, numbers=Numbers(1, 1, 1, 1, 1))
    assert stored(gatehouse) == before


def test_what_was_decided_is_on_the_receipt_with_its_evidence(anywhere):
    decisions(anywhere, 2, EVE)
    decisions(anywhere, 4, ADA, AWAY, device="device_binding:a")
    decisions(anywhere, 2, ADA)
    made = evaluate(anywhere, device="device_binding:a", source="sha256:x")
    told = anywhere.receipts(id=made.receipt)[0]
    assert (told.operation, told.subject, told.outcome) == ("limit.evaluate", made.id, "admitted")
    assert told.reasons == ("allow", "pair:3", "device:1", "address:5", "subject:7", "policy:default")
    found = anywhere.read(lambda tx: limits.find(tx, made.id))
    assert found == made
    assert (found.subject, found.device, found.source) == (ADA, "device_binding:a", "sha256:x")
    assert HOME not in str(anywhere.rows("SELECT * FROM evaluations"))


def test_a_refusal_is_on_record_once_for_a_throttle_and_once_for_a_lockout(anywhere):
    told = [evaluate(anywhere) for _ in range(14)]
    assert [bool(one.id) for one in told] == [True] * 6 + [False] * 3 + [True] + [False] * 4
    refused = anywhere.receipts(operation="limit.evaluate", outcome="refused")
    assert [one.reasons[:3] for one in refused] == [
        ("auth_rate_limit_throttled", "throttle", "pair:6"),
        ("auth_rate_limit_locked", "lockout", "pair:10"),
    ]
    assert [one.id for one in refused] == [told[5].receipt, told[9].receipt]
    throttled, locked = told[6].refusal, told[9].refusal
    assert (throttled.code, throttled.retry_after, throttled.receipt) == (Code.AUTH_RATE_LIMIT_THROTTLED, 300, "")
    assert (locked.code, locked.retry_after, locked.receipt) == (Code.AUTH_RATE_LIMIT_LOCKED, 900, told[9].receipt)
    assert told[0].refusal is None
