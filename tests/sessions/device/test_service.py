"""Device sessions by their use cases, on either database: opened once, revoked once, bounded, marked for publication."""

from contextlib import closing

import pytest

from ostiary.identities import service as identities
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.sessions.device import service, store
from ostiary.sessions.device.keys import can_verify
from ostiary.sessions.device.model import KEPT, Act, Actor, Outcome, Reason, Status
from ostiary.sessions.device.service import Opening
from ostiary.storage import snapshots
from tests.login.email_code.handset import new_key
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR, Home

KEY = new_key()
ACT = Act(OPERATOR, Actor("admin", "admin-1"), Reason.ADMIN_REVOKE.value)


@pytest.fixture
def home(database_url, tmp_path):
    with closing(Home(tmp_path, url=database_url)) as made:
        yield made


@pytest.fixture
def person(home):
    return home.act(lambda tx: identities.add_person(tx, home.house.keyring, OPERATOR, "pilot@example.com")).id


def opened(home, person, challenge, life=0):
    return home.act(lambda tx: service.open_session(tx, OPERATOR, Opening(person, KEY, challenge, life)))


def marks(home):
    return {one.session: one for one, _ in home.read(lambda tx: service.waiting(tx, 100))}


def test_a_challenge_opens_one_session(home, person):
    made = opened(home, person, "challenge-1")
    assert (made.status, made.person, made.client_public_key) == (Status.ACTIVE, person, KEY)
    assert opened(home, person, "challenge-1").code is Code.LOGIN_ATTEMPT_SPENT
    assert home.read(lambda tx: service.list_of(tx, person)) == [made]
    assert home.read(lambda tx: service.find(tx, made.id)) == made


def test_a_revocation_is_for_good_and_its_repeat_changes_nothing(home, person):
    made = opened(home, person, "challenge-1")
    first = home.act(lambda tx: service.revoke(tx, ACT, made.id))
    assert (first.outcome, first.sessions) == (Outcome.REVOKED, (made.id,))
    revoked = home.read(lambda tx: service.find(tx, made.id))
    home.clock.turn(HOUR)
    other = Act(OPERATOR, Actor("system"), "another_reason")
    again = home.act(lambda tx: service.revoke(tx, other, made.id))
    assert (again.outcome, again.sessions) == (Outcome.ALREADY_REVOKED, ())
    assert home.read(lambda tx: service.find(tx, made.id)) == revoked
    assert (revoked.reason, revoked.actor, revoked.revoked_by) == ("admin_revoke", ACT.actor, OPERATOR.actor)


def test_an_unknown_session_is_refused_with_a_receipt(home):
    for odd in ("dev-AAAAAAAAAAAAAAAAAAAAAA", "device-session-123", "", "x" * 5000, "dev-\0"):
        refused = home.act(lambda tx, odd=odd: service.revoke(tx, ACT, odd))
        assert isinstance(refused, Refusal)
        assert refused.code is Code.SESSION_NOT_FOUND
        assert refused.receipt
        assert home.read(lambda tx, odd=odd: service.find(tx, odd)) is None


def test_revoking_all_ends_each_once(home, person):
    made = [opened(home, person, f"challenge-{n}").id for n in range(3)]
    home.act(lambda tx: service.revoke(tx, ACT, made[1]))
    done = home.act(lambda tx: service.revoke_all(tx, ACT, person))
    assert (done.outcome, set(done.sessions)) == (Outcome.REVOKED, {made[0], made[2]})
    assert home.act(lambda tx: service.revoke_all(tx, ACT, person)).outcome is Outcome.NO_ACTIVE_SESSIONS
    ended = [one.subject for one in home.receipts(operation="session.end", outcome="admitted")]
    assert sorted(ended) == sorted(made)


def test_the_limit_counts_what_lives(home, person):
    home.clock.hold()
    home.act(lambda tx: service.set_limit(tx, OPERATOR, 2))
    first = opened(home, person, "challenge-1", life=HOUR)
    second = opened(home, person, "challenge-2")
    assert opened(home, person, "challenge-3").code is Code.SESSION_LIMIT_EXCEEDED
    home.clock.turn(HOUR)
    assert not isinstance(opened(home, person, "challenge-4"), Refusal), "what has expired counts no more"
    home.act(lambda tx: service.revoke(tx, ACT, second.id))
    assert not isinstance(opened(home, person, "challenge-5"), Refusal)
    home.act(lambda tx: service.set_limit(tx, OPERATOR, None))
    assert not isinstance(opened(home, person, "challenge-6"), Refusal)
    assert first.expires_at > 0


@pytest.mark.parametrize("most", [0, -1, 1 << 31])
def test_a_limit_is_a_positive_number(home, most):
    assert home.act(lambda tx: service.set_limit(tx, OPERATOR, most)).code is Code.LIMIT_POLICY_INVALID
    assert home.read(service.limit) is None


def test_a_limit_that_makes_no_sense_opens_nothing(home, person):
    home.act(lambda tx: (service.set_limit(tx, OPERATOR, 1), store.set_limit(tx, 0)))
    with pytest.raises(StoreUnavailable):
        opened(home, person, "challenge-1")
    assert home.read(lambda tx: service.list_of(tx, person)) == []


def test_expiry_is_a_revocation_at_its_instant(home, person):
    home.clock.hold()
    made = opened(home, person, "challenge-1", life=HOUR)
    forever = opened(home, person, "challenge-2")
    home.clock.turn(HOUR - 1)
    assert made.lives(home.clock())
    assert not home.read(service.has_expired)
    assert home.act(service.expire) == 0
    home.clock.turn(1)
    assert not made.lives(home.clock())
    assert home.read(service.has_expired)
    assert home.act(service.expire) == 1
    ended = home.read(lambda tx: service.find(tx, made.id))
    assert (ended.status, ended.reason, ended.actor) == (Status.REVOKED, "expired", Actor("system"))
    assert home.read(lambda tx: service.find(tx, forever.id)).status is Status.ACTIVE


def test_every_change_marks_its_session_anew(home, person):
    made = opened(home, person, "challenge-1")
    (first,) = marks(home).values()
    home.act(lambda tx: service.revoke(tx, ACT, made.id))
    (second,) = marks(home).values()
    assert first.session == second.session == made.id
    assert first.mark != second.mark
    assert home.act(lambda tx: snapshots.clear(tx, [first])) == 0, "it changed since that mark was read"
    assert home.act(lambda tx: snapshots.clear(tx, [second])) == 1
    home.act(lambda tx: service.revoke(tx, ACT, made.id))
    assert marks(home) == {}, "a repeat changes nothing"


def test_a_snapshot_says_what_gateways_need_and_no_more(home, person):
    made = opened(home, person, "challenge-1")
    told = made.snapshot
    assert (told.device_session_id, told.user_id, told.client_public_key) == (made.id, person, KEY)
    assert (told.status, told.revoked_at_ms, told.expires_at_ms) == (Status.ACTIVE, 0, 0)
    home.act(lambda tx: service.revoke(tx, ACT, made.id))
    ended = home.read(lambda tx: service.find(tx, made.id))
    assert ended.snapshot.revoked_at_ms == ended.revoked_at // 1000 > 0


def test_revoked_sessions_are_kept_for_a_month(home, person):
    made = opened(home, person, "challenge-1")
    living = opened(home, person, "challenge-2")
    home.act(lambda tx: service.revoke(tx, ACT, made.id))
    home.clock.turn(KEPT - HOUR)
    assert home.act(service.collect) == 0
    home.clock.turn(2 * HOUR)
    assert home.act(service.collect) == 1
    assert home.read(lambda tx: service.list_of(tx, person)) == [living]


def test_pages_of_all_sessions_miss_none(home, person):
    made = sorted(opened(home, person, f"challenge-{n}").id for n in range(7))
    seen, last = [], ""
    while page := home.read(lambda tx, last=last: service.after(tx, last, 3)):
        seen += [one.id for one in page]
        last = seen[-1]
    assert seen == made


def test_a_key_that_can_verify_and_those_that_cannot():
    small_order = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    off_the_curve = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
    spare_bits = KEY[:-2] + chr(ord(KEY[-2]) + 1) + "="
    assert can_verify(KEY)
    for odd in (
        small_order,
        off_the_curve,
        spare_bits,
        KEY[:-1],
        KEY + "=",
        "",
        "é" * 44,
        KEY + "\n",
        KEY.replace("=", " "),
    ):
        assert not can_verify(odd), odd
