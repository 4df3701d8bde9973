"""The house: opened only with its key and its schema; what is missing is made once, what is there is kept."""

from contextlib import closing

import pytest

from ostiary.house import database_name, database_path, database_url, migrate, open_house, prepare, require
from ostiary.kernel.errors import BootRefused
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Mode
from ostiary.keys.sealing import make_kek
from ostiary.receipts import service as receipts
from ostiary.settings import Settings


@pytest.fixture
def settings(tmp_path):
    made = Settings(data_dir=tmp_path / "data", kek_file=tmp_path / "kek")
    make_kek(made.kek, system_secrets)
    return made


def opened(settings, mode=None):
    return closing(open_house(settings, mode))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:hush@h:5433/n", "postgresql://ann@h:5433/n"),
        ("postgres://ann@/n?host=/run&password=hush", "postgres://ann@/n"),
        ("postgresql://h1:1,h2:2/n", "postgresql://h1:1,h2:2/n"),
        ("postgresql:///n", "postgresql:///n"),
        ("postgresql://:hush@h/n", "postgresql://@h/n"),
        *((f"postgresql://ann:hu{odd}sh@h/n", "postgresql://…") for odd in "@/?#"),
        ("postgresql://h/n?password=hu@sh", "postgresql://…"),
    ],
)
def test_a_database_is_named_without_its_password(url, shown):
    assert database_name(Settings(database_url=url)) == shown


def test_the_file_lies_in_the_data_folder_unless_there_is_a_database(tmp_path):
    at_home, away = Settings(data_dir=tmp_path), Settings(database_url="postgresql://h/n")
    assert database_path(at_home) == tmp_path / "ostiary.sqlite"
    assert database_path(away) is None
    assert database_url(away) == "postgresql+psycopg://h/n"


def test_without_a_key_nothing_is_made(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", kek_file=tmp_path / "kek")
    for act in (prepare, require):
        with pytest.raises(BootRefused, match="ostiary init"):
            act(settings)
    assert list(tmp_path.iterdir()) == []


def test_required_is_what_was_prepared(settings):
    with pytest.raises(BootRefused, match="there is no database"):
        require(settings)
    assert not settings.data_dir.exists()
    prepare(settings)
    require(settings)


def test_keys_and_tenant_are_made_once(settings):
    prepare(settings)
    with opened(settings) as house:
        first = house.vault.read_now(house.scope, lambda tx: receipts.newest(tx, 100))
        keys = {key.id for key in house.keyring.all()}
    with opened(settings) as house:
        assert house.vault.read_now(house.scope, lambda tx: receipts.newest(tx, 100)) == first
        assert {key.id for key in house.keyring.all()} == keys


def test_a_tenant_keeps_its_mode(settings):
    migrate(settings)
    with opened(settings, Mode.FIXTURE) as house:
        assert house.scope.mode is Mode.FIXTURE
    with opened(settings) as house:
        assert house.scope.mode is Mode.FIXTURE
    with pytest.raises(BootRefused, match="belongs to a fixture tenant"):
        open_house(settings, Mode.LIVE)


def test_live_is_what_nobody_asked_for(settings):
    migrate(settings)
    with opened(settings) as house:
        assert house.scope.mode is Mode.LIVE


def test_time_never_reads_earlier_than_the_newest_receipt(settings):
    migrate(settings)
    with opened(settings) as house:
        newest = house.vault.read_now(house.scope, receipts.newest_time)
    floors = []
    with closing(open_house(settings, clock=lambda floor: floors.append(floor) or (lambda: floor))) as house:
        assert house.clock() == newest
    assert floors == [newest]
