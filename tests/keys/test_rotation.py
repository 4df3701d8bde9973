"""Rotation: a new key in service and the old one retired, in one step, while others serve."""

import threading

import pytest

from ostiary.kernel.clock import system_clock
from ostiary.kernel.errors import KeyUnknown, StoreUnavailable
from ostiary.keys import service as keys
from ostiary.keys import store
from ostiary.keys.model import ROTATABLE, Key, Purpose
from ostiary.receipts.ledger import signature_holds
from tests.flows.browser import SESSION, Browser
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR, Home


def rotate(home, purpose=Purpose.SESSION):
    return home.beside().rotate(purpose)


@pytest.mark.parametrize("purpose", sorted(ROTATABLE))
def test_it_makes_one_key_retires_one_and_leaves_one_receipt(anywhere, purpose):
    home, old, before = anywhere, anywhere.key(purpose), len(anywhere.receipts())
    made = rotate(home, purpose)
    home.crash()
    held = {key.id: key for key in home.house.keyring.all() if key.purpose is purpose}
    assert set(held) == {old.id, made.id}
    assert (held[made.id].version, held[made.id].retired_at, home.key(purpose).id) == (2, 0, made.id)
    assert held[old.id].retired_at > 0
    assert made.secret != old.secret
    (receipt,) = home.receipts()[before:]
    assert (receipt.operation, receipt.subject, receipt.actor) == ("key.rotate", made.id, OPERATOR.actor)
    assert receipt.reasons == (purpose.value, f"retired:{old.id}")


def test_other_purposes_are_untouched(home):
    before = {key.id for key in home.house.keyring.all() if key.purpose is not Purpose.SESSION}
    rotate(home)
    home.crash()
    assert {key.id for key in home.house.keyring.all() if key.purpose is not Purpose.SESSION} == before


def test_a_cookie_of_the_new_key_is_good_at_once_in_a_process_that_has_not_heard_of_it(anywhere):
    home = anywhere
    neighbour = home.beside()
    made = neighbour.rotate()
    neighbour.act(lambda tx: keys.load(tx, neighbour.house.sealer, neighbour.house.keyring))
    with_new = Home.open(Stranger(home, neighbour.house))[1]
    assert with_new.split(".")[2] == made.id
    assert home.house.keyring.find(made.id) is None
    assert home.check(with_new).status == 200
    assert home.house.keyring.find(made.id) is not None


class Stranger:
    """Opens sessions by another process's keys."""

    def __init__(self, home, house):
        self.house, self.home = house, home

    @property
    def rules(self):
        return Home.rules.fget(self)

    @property
    def settings(self):
        return self.home.settings

    def act(self, use_case):
        return self.house.vault.transact_now(self.house.scope, use_case)


def test_cookies_of_the_old_key_stay_good_as_long_as_their_sessions(home):
    cookie = home.open()[1]
    rotate(home)
    rotate(home)
    for _ in range(15):
        home.clock.turn(HOUR // 2)
        assert home.check(cookie).status == 200
        home.collect()
        home.restart()


def test_a_sign_in_begun_before_a_rotation_ends_well_after_it(home):
    visitor = home.enrolled()
    visitor.send("POST", "/auth/logout")
    begun = visitor.begin()
    rotate(home, Purpose.PRELOGIN)
    home.crash()
    assert visitor.finish(begun).status == 200


def test_receipts_of_the_old_key_hold_for_ever(home):
    rotate(home, Purpose.RECEIPT)
    home.crash()
    home.open()
    home.clock.turn(1000 * HOUR)
    home.collect()
    home.crash()
    every = home.receipts()
    assert len({one.key for one in every}) == 2
    assert all(signature_holds(one, home.house.keyring.find(one.key).public) for one in every)
    rotated = next(one for one in every if one.operation == "key.rotate")
    assert rotated.key == f"{rotated.reasons[1].removeprefix('retired:')}", "signed by the key that it retires"


def test_a_rotation_that_loses_a_race_changes_nothing(home):
    old = home.key()
    neighbour = home.beside()
    stored = Key(
        "sk-AAAAAAAAAAAAAAAAAAAAAA", "default", Purpose.SESSION, old.version + 1, b"x" * 32, b"", 1, retired_at=1
    )
    neighbour.act(lambda tx: (store.add(tx, neighbour.house.sealer, stored), emit(tx)))
    before = home.rows("SELECT id, retired_at FROM keys ORDER BY id"), len(home.receipts())
    with pytest.raises(StoreUnavailable, match="another process is rotating the session key"):
        neighbour.rotate()
    assert (home.rows("SELECT id, retired_at FROM keys ORDER BY id"), len(home.receipts())) == before
    home.crash()
    assert home.key().id == old.id


def emit(tx):
    tx.emit(keys.Event(keys.EventName.KEY_CREATE, OPERATOR, "planted"))


def test_rotations_at_once_leave_exactly_one_active_key(anywhere):
    home, barrier, outcomes = anywhere, threading.Barrier(4), []
    neighbours = [home.beside() for _ in range(4)]

    def run(neighbour):
        barrier.wait()
        try:
            outcomes.append(neighbour.rotate())
        except StoreUnavailable as fault:
            outcomes.append(fault)

    threads = [threading.Thread(target=run, args=(one,)) for one in neighbours]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [one for one in outcomes if isinstance(one, Key)]
    assert len(outcomes) == 4
    assert made
    rows = home.rows("SELECT id, version, retired_at FROM keys WHERE purpose = 'session' ORDER BY version")
    assert [row[0] for row in rows if not row[2]] == [rows[-1][0]]
    assert {row[0] for row in rows[1:]} == {one.id for one in made}
    assert len({row[1] for row in rows}) == len(rows)


def test_a_purpose_without_a_key_cannot_be_rotated(home):
    house = home.house
    with pytest.raises(KeyUnknown):
        house.vault.transact_now(
            type(house.scope)("other"),
            lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, Purpose.SESSION),
        )


def test_an_unknown_key_is_not_learned(home):
    house, before = home.house, home.house.keyring.all()
    home.read(lambda tx: keys.learn(tx, house.sealer, house.keyring, "sk-unknown"))
    assert house.keyring.all() == before


def test_a_running_server_takes_a_new_key_into_service_and_keeps_the_old_sessions(server):
    old = Browser(server)
    assert old.enrol(server.token).status == 200
    assert old.check().status == 200
    printed = server.cli("keys", "rotate")
    active = next(
        row["id"] for row in server.json("keys", "list") if row["purpose"] == "session" and row["state"] == "active"
    )
    assert active in printed
    assert old.check().status == 200
    clock = system_clock()
    deadline, latest = clock() + 20_000_000, ""
    while latest != active and clock() < deadline:
        again = Browser(server, old.passkey)
        assert again.sign_in().status == 200
        assert again.check().status == 200
        latest = again.cookies[SESSION].split(".")[2]
    assert latest == active
    assert old.check().status == 200
