"""Rotation by schedule: once when it is due, by one of several servers, and never where nobody wants it."""

import threading

import pytest

from ostiary.identities import service as identities
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.model import ROTATABLE, Purpose
from ostiary.keys.watch import KeyWatch
from ostiary.receipts import service as receipts
from tests.identities.tenants import made, within
from tests.sessions.home import HOUR

DAY = 24 * HOUR


def watch(home, house=None):
    house = house or home.house
    every = home.settings.signing_key_rotation
    return KeyWatch(house.vault, house.scope, house.sealer, house.keyring, home.clock, every, identities.tenant_scopes)


def looked(home):
    home.run(watch(home).look())
    return list(home.receipts(operation="key.rotate"))


def test_a_key_that_is_due_is_rotated_once(homes):
    home = homes(SIGNING_KEY_ROTATION="48h")
    home.clock.hold()
    first = {purpose: home.key(purpose).id for purpose in Purpose}
    born = home.key().created_at
    home.clock.hold(born + 2 * DAY - 1)
    assert looked(home) == []
    home.clock.hold(max(home.key(purpose).created_at for purpose in ROTATABLE) + 2 * DAY)
    receipts = looked(home)
    assert sorted(one.reasons[0] for one in receipts) == sorted(ROTATABLE)
    assert {one.reasons[1:] for one in receipts} == {
        (f"retired:{first[purpose]}", "scheduled") for purpose in ROTATABLE
    }
    assert {one.actor for one in receipts} == {"system"}
    assert len(looked(home)) == len(ROTATABLE), "not again"
    home.crash()
    changed = {purpose for purpose in Purpose if home.key(purpose).id != first[purpose]}
    assert changed == ROTATABLE


def test_never_means_never(homes):
    home = homes(SIGNING_KEY_ROTATION="never")
    home.clock.turn(4000 * DAY)
    assert looked(home) == []


def test_sessions_live_on_through_a_scheduled_rotation(homes):
    home = homes(SIGNING_KEY_ROTATION="1h")
    cookie = home.open()[1]
    home.clock.turn(HOUR - 60_000_000)
    assert home.check(cookie).status == 200
    home.clock.turn(60_000_000)
    assert looked(home)
    assert home.check(cookie).status == 200
    assert home.open()[1].split(".")[2] != cookie.split(".")[2]


def test_two_servers_at_once_rotate_once(anywhere):
    home, barrier, faults = anywhere, threading.Barrier(4), []
    neighbours = [home.beside() for _ in range(4)]
    home.clock.turn(31 * DAY)

    def run(house):
        barrier.wait()
        try:
            house.vault.transact_now(house.scope, lambda tx: keys.rotate_due(tx, house.sealer, house.keyring, 30 * DAY))
        except BaseException as fault:  # noqa: BLE001 - told below, in the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(one.house,)) for one in neighbours]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    rows = home.rows("SELECT purpose, version FROM keys WHERE version > 1 ORDER BY purpose")
    assert [tuple(row) for row in rows] == [(purpose.value, 2) for purpose in sorted(ROTATABLE)]
    assert len(home.receipts(operation="key.rotate")) == len(ROTATABLE)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - ROTATABLE))
def test_other_purposes_are_never_due(home, purpose):
    held = keys.due(home.house.keyring, home.scope.tenant, home.clock() + 4000 * DAY, 1)
    assert purpose not in {key.purpose for key in held}


def test_a_tenant_that_a_command_adds_is_taken_up_by_a_running_server(anywhere):
    home = anywhere
    scope, _ = made(home.beside(), mode=Mode.FIXTURE)
    assert not [key for key in home.house.keyring.all() if key.tenant == scope.tenant]
    looked(home)
    assert {key.purpose for key in home.house.keyring.all() if key.tenant == scope.tenant} == set(Purpose)


def test_what_is_due_is_rotated_in_every_tenant(anywhere):
    home = anywhere
    early = [made(home, "rhein", Mode.FIXTURE)[0], made(home, "main")[0]]
    home.clock.turn(31 * DAY)
    late = made(home, "late")[0]
    looked(home)
    looked(home)
    for scope in (home.scope, *early, late):
        told = [
            one for one in within(home, scope, lambda tx: receipts.newest(tx, 100)) if one.operation == "key.rotate"
        ]
        assert sorted(one.reasons[0] for one in told) == (sorted(ROTATABLE) if scope is not late else [])
        assert {one.mode for one in told} <= {scope.mode}


def test_keys_without_a_tenant_are_left_alone(anywhere):
    home, scope = anywhere, Scope("nobody")
    within(home, scope, lambda tx: keys.ensure(tx, home.house.sealer, home.house.keyring))
    home.clock.turn(31 * DAY)
    assert looked(home), "those of others are rotated all the same"
    assert {key.version for key in home.house.keyring.all() if key.tenant == "nobody"} == {1}
