"""An attack on one person from many addresses: the person signs in throughout, and the log stays bounded."""

import pytest

from ostiary.kernel.clock import SECOND
from tests.membrane.stage import Person, code, good, soft

SOFT, LOCKOUT = 5, 10
SINGLY = 20
"""Refusals of a second that have a receipt each; the others are counted in one."""


class Attack:
    """So many hostile attempts from so many addresses against the person of a stage, in fifty seconds, and a sign-in in between."""

    def __init__(self, stage, attempts, addresses):
        self.stage, self.attempts = stage, attempts
        self.addresses = [f"198.51.{one // 250}.{one % 250 + 1}" for one in range(addresses)]
        self.stranger, self.cookies = soft(stage.origin), {}
        self.seconds, self.heard, self.signed_in = 0, {}, 0

    def run(self):
        """Attack; return how many receipts it left, those of the person's own sign-ins aside."""
        self.heard, self.seconds, own = {}, 0, 0
        self.stage.home.clock.hold()  # no second passes but those that are counted
        before = receipts(self.stage)
        for number in range(self.attempts):
            self.strike(self.addresses[number % len(self.addresses)])
            if number % max(1, self.attempts // 50) == 0:
                self.stage.home.clock.turn(SECOND)
                self.seconds += 1
            if number % 50 == 25:
                here = receipts(self.stage)
                self.stage.address = f"192.0.2.{self.signed_in % 200 + 1}"
                assert good(self.stage.inspect(self.stage.login()["bearer_token"]))
                self.signed_in += 1
                own += receipts(self.stage) - here
        self.stage.home.flush()
        return receipts(self.stage) - before - own

    def strike(self, address):
        """A login start, and where it is allowed a wrong answer, as a browser at that address."""
        stage, mine = self.stage, {"x-forwarded-for": address, "cookie": self.cookies.get(address, "")}
        start = stage.start(key=None, headers=mine)
        self.count(start)
        if start.status != 200:
            return
        self.cookies[address] = start.headers.header("set-cookie").partition(";")[0]
        answer = stage.verify(start, self.stranger, key=None, headers=mine | {"cookie": self.cookies[address]})
        assert answer.status in {403, 404}, answer.json
        self.count(answer)

    def count(self, heard):
        name = code(heard) or "admitted"
        self.heard[name] = self.heard.get(name, 0) + 1


def receipts(stage):
    """How many receipts there are."""
    return stage.home.rows("SELECT count(*) FROM receipts")[0][0]


def attacked(stage, attempts, addresses):
    """Attack twice: the first wave closes every address, the second one meets closed doors only."""
    first = Attack(stage, attempts, addresses)
    left = first.run()
    assert set(first.heard) == {
        "admitted",
        "human_auth_passkey_binding_unknown",
        "auth_rate_limit_throttled",
        "auth_rate_limit_locked",
    }, first.heard
    assert first.heard["admitted"] == SOFT * addresses
    assert first.heard["auth_rate_limit_locked"] == addresses
    assert first.signed_in >= attempts // 50
    # an admitted start has two receipts, its wrong answer one, the throttle and the lockout one at each address;
    # what else is refused, one receipt each up to so many a second
    assert left <= addresses * (3 * SOFT + 2) + first.seconds * (SINGLY + 2)
    second = Attack(stage, attempts, addresses)
    left = second.run()
    assert set(second.heard) == {"auth_rate_limit_locked"}, second.heard
    assert left <= second.seconds * (SINGLY + 2) + 2
    return first, second


def test_a_person_signs_in_throughout_an_attack(live):
    attacked(live, 500, 50)


def test_who_shares_an_address_with_the_attackers_passes_with_a_passkey(live):
    attack = Attack(live, LOCKOUT, 1)
    attack.run()
    live.address = attack.addresses[0]
    shut = live.start()
    assert (shut.status, code(shut)) == (429, "auth_rate_limit_locked")
    assert shut.json["body"]["retry_after_seconds"] > 0
    start = good(live.start(human_presence_receipt=live.presence("auth.login.start")))
    assert good(live.finish(start, live.proved(start)))


def test_a_lockout_of_one_person_at_an_address_locks_nobody_else_out(live):
    attack = Attack(live, LOCKOUT, 1)
    attack.run()
    live.person, live.address = Person(live), attack.addresses[0]
    good(live.start(device_binding="device_binding:mine"))


def test_a_flood_at_a_closed_door_is_counted_and_not_written(live):
    attack = Attack(live, LOCKOUT, 1)
    attack.run()
    live.home.clock.hold()
    before = receipts(live)
    for _ in range(300):
        attack.strike(attack.addresses[0])
    live.home.flush()
    assert receipts(live) - before <= SINGLY + 2
    told = live.home.rows("SELECT reasons FROM receipts WHERE operation = 'login.start' AND outcome = 'refused'")
    assert any(f"count:{300 - SINGLY}" in reasons for (reasons,) in told)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_person_signs_in_throughout_ten_thousand_attempts_from_a_thousand_addresses(live):
    attacked(live, 10_000, 1_000)
