"""A refresh that another process's "end them all" meets half way: what it opens must end too (PostgreSQL)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ostiary.kernel.values import Caller
from ostiary.sessions import bearer
from ostiary.sessions import service as sessions
from tests.rigs.databases import migrated_url
from tests.sessions.home import HOUR, Home
from tests.sessions.test_bearer import check, issued
from tests.sessions.test_refresh import refresh

pytestmark = pytest.mark.postgres


@pytest.fixture
def home(tmp_path):
    with migrated_url() as url, closing(Home(tmp_path, url=url)) as made:
        yield made


def refreshed_while(home, session, act):
    """Refresh in another process, whose commit waits until `act` is under way; return (successor, act's result)."""
    thief, begun, go_on = home.beside(), threading.Event(), threading.Event()
    rules = sessions.Rules(thief.house.keyring, thief.house.settings.sessions)

    def half_way(tx):
        opened = bearer.refresh(tx, rules, Caller(digest="00"), session.id, home.key())
        begun.set()
        assert go_on.wait(5)
        return opened

    with ThreadPoolExecutor(2) as threads:
        fresh = threads.submit(thief.act, half_way)
        assert begun.wait(5)
        acted = threads.submit(act)
        threading.Event().wait(0.5)  # by now it waits for the row that the refresh holds
        go_on.set()
        return fresh.result(10), acted.result(10)


def test_all_others_are_ended_with_the_successor_of_one_that_is_being_refreshed(home):
    person = home.enrolled().person
    session, token = issued(home, person, life=HOUR)
    own, _ = home.open(person)
    mine = Caller(actor=person, session=own.id)
    opened, _ = refreshed_while(
        home, session, lambda: home.act(lambda tx: sessions.end_others(tx, home.rules, mine, own.id))
    )
    home.clock.turn(10_000)
    assert check(home, token).status == 401
    assert check(home, opened.cookie).status == 401, "alive after the owner was told that every other session is ended"
    assert home.living(person) == {own.id}


def test_a_reuse_ends_the_family_whose_newest_token_is_being_refreshed(home):
    person = home.enrolled().person
    first = issued(home, person, life=HOUR)[1]
    second = refresh(home, first).json
    session = home.read(lambda tx: sessions.find(tx, second["id"]))
    key, old = home.key(), home.read(lambda tx: sessions.find(tx, first.split(".")[1]))
    opened, reused = refreshed_while(
        home,
        session,
        lambda: home.act(lambda tx: bearer.refresh(tx, home.rules, Caller(digest="11"), old.id, key)),
    )
    assert reused.code == "token_reused"
    home.clock.turn(10_000)
    assert check(home, second["token"]).status == 401
    assert check(home, opened.cookie).status == 401, "alive after the reuse had ended its whole family"
