"""The first keys: made once whoever boots, refused to a wrong key-encryption key, fatal where randomness fails."""

import threading
from contextlib import closing

import pytest

from ostiary.house import House, migrate, open_house
from ostiary.kernel.clock import system_clock
from ostiary.kernel.errors import BootRefused
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer, make_kek, read_kek
from ostiary.receipts.ledger import SigningLedger
from ostiary.settings import read_settings
from ostiary.storage.sqlite import SqliteVault
from tests.sessions.home import Dice, Home

NODES = 6


def settings(tmp_path, url):
    given = {"OSTIARY_DATA_DIR": str(tmp_path / "data")} | ({"OSTIARY_DATABASE_URL": url} if url else {})
    return read_settings(given, tmp_path)


def everything(home):
    """All rows of all tables, but for those that say what is there."""
    names = [row[0] for row in home.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {name: home.rows(f"SELECT * FROM {name}") for name in names}


def test_a_boot_makes_one_key_for_each_purpose_and_says_so(anywhere):
    held = anywhere.house.keyring.all()
    assert sorted(key.purpose for key in held) == sorted(Purpose)
    assert {(key.tenant, key.version, key.retired_at) for key in held} == {("default", 1, 0)}
    assert len({key.secret for key in held}) == len(held)
    assert {one.subject for one in anywhere.receipts(operation="key.create")} == {key.id for key in held}
    assert [key.purpose for key in held if key.public] == [Purpose.RECEIPT]


def test_a_second_boot_makes_nothing(anywhere):
    before, receipts = anywhere.house.keyring.all(), len(anywhere.receipts())
    anywhere.restart()
    assert (anywhere.house.keyring.all(), len(anywhere.receipts())) == (before, receipts)


def test_nodes_that_boot_at_once_make_one_key_for_each_purpose(tmp_path, database_url):
    given = settings(tmp_path, database_url)
    make_kek(given.kek, system_secrets)
    migrate(given)
    barrier, houses, faults = threading.Barrier(NODES), [], []

    def boot():
        barrier.wait()
        try:
            houses.append(open_house(given))
        except BaseException as fault:  # noqa: BLE001 - told below, in the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=boot) for _ in range(NODES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert faults == []
        held = [tuple(sorted((key.purpose, key.id, key.secret) for key in one.keyring.all())) for one in houses]
        assert len(held) == NODES
        assert len(set(held)) == 1, "all nodes hold the same keys"
        assert len(held[0]) == len(Purpose)
    finally:
        for one in houses:
            one.close()


def test_a_lost_key_encryption_key_is_not_replaced_and_nothing_changes(home):
    home.open()
    home.house.close()
    before = everything(home)
    kek = home.settings.kek
    saved = kek.read_bytes()
    kek.unlink()
    make_kek(kek, system_secrets)
    with pytest.raises(
        BootRefused, match="is not the one that sealed the keys in this database: put the right one back"
    ):
        open_house(home.settings)
    assert everything(home) == before
    kek.write_bytes(saved)
    home.boot()
    assert home.house.keyring.all()


@pytest.mark.parametrize("swapped", ["sealed", "id"])
def test_a_sealed_key_moved_to_another_row_is_refused(home, swapped):
    home.house.close()
    first, second = (row[0] for row in home.rows("SELECT id FROM keys ORDER BY id LIMIT 2"))
    if swapped == "sealed":
        home.write(
            "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE id = ?) WHERE id = ?",
            (first, second),
        )
    else:
        home.write("UPDATE keys SET id = 'sk-moved' WHERE id = ?", (first,))
    with pytest.raises(BootRefused, match="nothing was changed"):
        open_house(home.settings)


def test_a_key_of_another_tenant_does_not_open_in_this_one(home):
    home.house.close()
    home.write("UPDATE keys SET tenant_id = 'other' WHERE purpose = 'data'")
    with pytest.raises(BootRefused):
        open_house(home.settings)


def test_no_randomness_no_boot_and_nothing_half_made(tmp_path):
    given = settings(tmp_path, "")
    make_kek(given.kek, system_secrets)
    migrate(given)
    dice, keyring, scope = Dice(), Keyring(), Scope()
    dice.empty = True
    clock, sealer = system_clock(), Sealer(read_kek(given.kek), dice)
    vault = SqliteVault(given.data_dir / "ostiary.sqlite", clock, dice, SigningLedger(keyring))
    with closing(House(given, scope, clock, keyring, sealer, vault)) as house:
        with pytest.raises(OSError, match="no randomness"):
            house.vault.transact_now(scope, lambda tx: keys.ensure(tx, sealer, keyring))
        assert house.vault.read_now(scope, lambda tx: keys.store.every(tx, sealer)) == []


def test_a_key_file_that_others_may_read_stops_the_boot(home):
    home.house.close()
    home.settings.kek.chmod(0o644)
    with pytest.raises(BootRefused, match="chmod 600"):
        open_house(home.settings)
    home.settings.kek.chmod(0o600)


def test_the_key_encryption_key_lies_outside_the_data_folder(tmp_path):
    with closing(Home(tmp_path)) as home:
        assert home.settings.data_dir not in home.settings.kek.parents
        assert home.settings.kek.exists()


def test_a_missing_key_of_one_purpose_is_made_beside_the_others(home):
    session = home.open()[1]
    home.house.close()
    home.write("DELETE FROM keys WHERE purpose = 'caller'")
    home.boot()
    assert sorted(key.purpose for key in home.house.keyring.all()) == sorted(Purpose)
    assert home.last().reasons == ("caller",)
    assert home.check(session).status == 200
