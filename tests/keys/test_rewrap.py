"""Rewrapping: all keys under the new key-encryption key or none, nothing else changed, whoever is serving."""

import pytest

from ostiary.house import open_house
from ostiary.identities import service as identities
from ostiary.kernel.errors import BootRefused, SealBroken, StoreUnavailable
from ostiary.kernel.ids import system_secrets
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer, make_kek, read_kek
from ostiary.keys.watch import KeyWatch
from ostiary.receipts.ledger import signature_holds
from ostiary.sessions.revocation import revoke_key
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import Dice


def new_key(home, secrets=system_secrets):
    path = home.folder / "new.kek"
    make_kek(path, system_secrets)
    return path, Sealer(read_kek(path), secrets)


def rewrap(home, sealer, house=None):
    house = house or home.house
    return house.vault.transact_now(house.scope, lambda tx: keys.rewrap(tx, house.sealer, sealer, OPERATOR))


def table(home):
    return [tuple(row) for row in home.rows("SELECT id, sealed FROM keys ORDER BY id")]


def test_the_same_keys_open_under_the_new_one_only(anywhere):
    home, before = anywhere, anywhere.house.keyring.all()
    cookie, sealed = home.open()[1], table(anywhere)
    path, sealer = new_key(home)
    assert rewrap(home, sealer, home.beside().house) == len(Purpose)
    assert not {one for _, one in sealed} & {one for _, one in table(home)}
    assert home.check(cookie).status == 200, "a running server goes on"
    assert (home.last().operation, home.last().actor) == ("key.rewrap", OPERATOR.actor)
    home.house.close()
    with pytest.raises(BootRefused, match="after `ostiary keys rewrap`: the new one"):
        open_house(home.settings)
    path.replace(home.settings.kek)
    home.boot()
    assert home.house.keyring.all() == before
    assert home.check(cookie).status == 200
    assert all(signature_holds(one, home.house.keyring.find(one.key).public) for one in home.receipts())


def test_interrupted_half_way_the_old_key_works(anywhere):
    home, before, receipts = anywhere, table(anywhere), len(anywhere.receipts())

    class RunsDry(Dice):
        left = 4

        def __call__(self, count):
            self.left -= 1
            self.empty = self.left < 0
            return super().__call__(count)

    with pytest.raises(OSError, match="no randomness"):
        rewrap(home, new_key(home, RunsDry())[1])
    assert (table(home), len(home.receipts())) == (before, receipts)
    home.crash()
    assert home.check(home.open()[1]).status == 200


def test_a_second_rewrap_by_a_process_with_the_old_key_changes_nothing(home):
    neighbour = home.beside()
    rewrap(home, new_key(home)[1])
    before = table(home)
    with pytest.raises(SealBroken):
        rewrap(home, Sealer(b"z" * 32, system_secrets), neighbour.house)
    assert table(home) == before


def test_a_server_with_the_old_key_stores_no_key_under_it(anywhere):
    home = anywhere
    rewrap(home, new_key(home)[1], home.beside().house)
    before = table(home)
    house = home.house
    watch = KeyWatch(house.vault, house.scope, house.sealer, house.keyring, home.clock, 1, identities.tenant_scopes)
    home.run(watch.look())
    home.run(watch.look())
    assert watch.foreign
    with pytest.raises(SealBroken):
        house.vault.transact_now(house.scope, lambda tx: keys.rotate_due(tx, house.sealer, house.keyring, 1))
    with pytest.raises(SealBroken):
        home.act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, Purpose.SESSION))
    assert table(home) == before


@pytest.mark.parametrize("purpose", [Purpose.PRELOGIN, Purpose.SESSION])
def test_a_running_server_hears_of_a_key_that_is_revoked_after_a_rewrap(anywhere, purpose):
    home, house = anywhere, anywhere.house
    beside = home.beside().house
    _, sealer = new_key(home)
    rewrap(home, sealer, beside)
    watch = KeyWatch(house.vault, house.scope, house.sealer, house.keyring, home.clock, 0, identities.tenant_scopes)
    home.run(watch.look())
    visitor, key = home.visitor(), home.key(purpose)
    begun = visitor.begin()
    assert house.keyring.trusted(key.id)
    held = house.keyring.all()
    beside.vault.transact_now(house.scope, lambda tx: revoke_key(tx, sealer, beside.keyring, OPERATOR, key.id))
    home.run(watch.look())
    assert house.keyring.trusted(key.id) is None
    assert [one.id for one in house.keyring.all()] == [one.id for one in held]
    assert all(house.keyring.trusted(one.id) for one in held if one.id != key.id)
    if purpose is Purpose.PRELOGIN:
        assert visitor.finish(begun).code == "login_attempt_invalid"


def test_a_key_that_cannot_be_opened_is_no_dead_session(home):
    neighbour = home.beside()
    made = neighbour.rotate()
    rewrap(home, new_key(home)[1], neighbour.house)
    house = home.house
    watch = KeyWatch(house.vault, house.scope, house.sealer, house.keyring, home.clock, 0, identities.tenant_scopes)
    with pytest.raises(StoreUnavailable, match="rewrapped"):
        home.run(watch.learn(made.id))
