"""Where parts meet: a registration that changes while a check is under way, a key that is revoked, cookies of two kinds."""

import asyncio

import pytest

from ostiary.access import service as access
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.services import service
from ostiary.services.model import Registration
from ostiary.sessions import bearer
from ostiary.sessions.revocation import revoke_key
from tests.gateway.test_service_cookies import check, furnished, landed, pass_of
from tests.gateway.test_services import ann, register
from tests.login.gatehouse import call
from tests.sessions.home import OPERATOR

SESSION, SERVICE = "__Host-ostiary_session", "__Host-ostiary_service"


@pytest.mark.parametrize("junk", ["junk", "v1.x"])
def test_two_kinds_of_cookie_are_refused_whatever_their_order(home, junk):
    cookie = home.open()[1]
    slow = home.check(None, cookie=f"{SERVICE}={junk}; {SESSION}={cookie}")
    quick = home.check(None, cookie=f"{SESSION}={cookie}; {SERVICE}={junk}")
    assert (slow.status, quick.status) == (401, 401)


@pytest.mark.parametrize("change", ["scopes", "removed_and_added"])
def test_an_answer_by_the_old_registration_is_not_kept_after_a_change(home, change):
    """Another process changes the registration between the check's look at it and its look at the session."""
    person = ann(home)
    register(home, scopes=("notes.read",))
    home.act(lambda tx: access.grant_scope(tx, OPERATOR, person, "notes.read"))
    cookie = home.open(person)[1]
    beside = home.beside()
    registrations = home.application.internal._check._teller._registrations
    find = registrations.find

    async def slow(name):
        found = await find(name)
        del registrations.find
        if change == "scopes":
            beside.act(
                lambda tx: service.change(tx, OPERATOR, Registration("app", scopes=("notes.read", "notes.burn")))
            )
        else:
            beside.act(lambda tx: service.remove(tx, OPERATOR, "app"))
            beside.act(lambda tx: service.add(tx, OPERATOR, Registration("app", scopes=("notes.burn",))))
        return found  # the change was acknowledged

    registrations.find = slow
    home.check(cookie, "/check/app")
    later = [home.check(cookie, "/check/app").status for _ in range(3)]
    assert later == [403, 403, 403]


def test_a_pass_signed_by_a_revoked_key_is_refused_after_the_acknowledgement(home):
    furnished(home)
    cookie = home.open()[1]
    beside = home.beside()
    second = beside.rotate()
    home.run(home.house.vault.read(home.scope, lambda tx: keys.load(tx, home.house.sealer, home.house.keyring)))
    walk = landed(home, cookie)
    mine = pass_of(walk)
    assert second.id in mine
    assert check(home, mine).status == 200
    done = beside.act(lambda tx: revoke_key(tx, beside.house.sealer, beside.house.keyring, OPERATOR, second.id))
    assert done.key.revoked_at
    assert check(home, mine).status == 401


def test_a_token_of_a_revoked_key_gets_no_successor_and_ends_nothing_but_its_own_family(home):
    person = ann(home)
    opened = home.act(lambda tx: bearer.issue(tx, home.rules, OPERATOR, bearer.Wish(person, "x"), "operator"))
    old_key = home.key()
    house = home.house
    home.act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, Purpose.SESSION))

    def load():
        home.read(lambda tx: keys.load(tx, house.sealer, house.keyring))

    load()
    assert home.key().id != old_key.id

    def refresh(token):
        return home.visitor().send("POST", "/api/v1/auth/token/refresh", headers={"authorization": f"Bearer {token}"})

    fresh = refresh(opened.cookie).json
    other = home.act(lambda tx: bearer.issue(tx, home.rules, OPERATOR, bearer.Wish(person, "y"), "operator"))
    done = home.act(lambda tx: revoke_key(tx, house.sealer, house.keyring, OPERATOR, old_key.id))
    assert done.key.revoked_at
    load()
    again = refresh(opened.cookie)
    home.clock.turn(20_000_000)
    assert refresh(opened.cookie).status == 401
    found = [home.check(None, authorization=f"Bearer {one}").status for one in (fresh["token"], other.cookie)]
    assert (again.status, found) == (401, [401, 200]), "the thief could have made what its family goes on with"


def test_a_fill_after_a_change_keeps_no_answer_by_the_old_registration(home):
    person = ann(home)
    register(home, scopes=("notes.read",))
    home.act(lambda tx: access.grant_scope(tx, OPERATOR, person, "notes.read"))
    mine, other = home.open(person)[1], home.open(person)[1]
    beside = home.beside()
    internal = home.application.internal

    def check(cookie):
        return call(internal, "GET", "/check/app", b"", {"host": "localhost", "cookie": f"{SESSION}={cookie}"})

    async def turn():
        first = asyncio.ensure_future(check(mine))  # reads the registration, then waits for the fill
        stricter = Registration("app", scopes=("notes.read", "notes.burn"))
        asyncio.get_running_loop().call_soon(lambda: beside.act(lambda tx: service.change(tx, OPERATOR, stricter)))
        second = asyncio.ensure_future(check(other))  # sees the change, drops all; then comes the fill
        await asyncio.gather(first, second)

    home.run(turn())
    assert [home.check(cookie, "/check/app").status for cookie in (mine, other)] == [403, 403]


def test_a_websocket_at_the_check_is_no_fault(home):
    told = []

    async def run():
        async def send(message):
            told.append(message)

        async def receive():
            return {"type": "websocket.connect"}

        scope = {"type": "websocket", "path": "/check", "headers": [(b"host", b"localhost")], "query_string": b""}
        await home.application.internal(scope | {"client": None}, receive, send)

    home.run(run())
    assert all(m["type"].startswith("websocket") for m in told)
