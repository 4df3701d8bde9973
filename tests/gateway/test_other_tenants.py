"""The check stands at the door of one tenant: a session of any other is nobody there, a fixture's above all."""

import pytest

from ostiary.kernel.values import Factor, Mode, Proof
from ostiary.services import service as services
from ostiary.services.model import Registration
from ostiary.sessions import bearer
from ostiary.sessions import service as sessions
from tests.gateway.test_check import EMPTY, ours
from tests.identities.tenants import made, person, within
from tests.sessions.home import OPERATOR


@pytest.fixture(params=[Mode.LIVE, Mode.FIXTURE])
def foreign(request, anywhere):
    """(a cookie, a bearer token) of another tenant."""
    scope, _ = made(anywhere, mode=request.param)
    who = person(anywhere, scope)
    wish, proof = bearer.Wish(who, "Job"), Proof(who, Factor.PASSKEY, anywhere.clock(), "la-1")
    return (
        within(anywhere, scope, lambda tx: sessions.open_session(tx, anywhere.rules, OPERATOR, proof, "Test")).cookie,
        within(anywhere, scope, lambda tx: bearer.issue(tx, anywhere.rules, OPERATOR, wish, "operator")).cookie,
    )


@pytest.mark.parametrize("path", ["/check", "/check/default", "/check/app", "/check/default/more"])
def test_a_session_of_another_tenant_is_let_in_by_no_path(anywhere, foreign, path):
    cookie, token = foreign
    anywhere.act(lambda tx: services.add(tx, OPERATOR, Registration("app")))
    for _ in range(3):
        for answer in (anywhere.check(cookie, path), anywhere.check(None, path, authorization=f"Bearer {token}")):
            assert (answer.status, answer.code, ours(answer)) == (401, "session_invalid", EMPTY)


def test_nor_does_an_operation_take_it(anywhere, foreign):
    answer = anywhere.visitor().send("GET", "/api/v1/auth/me", headers={"authorization": f"Bearer {foreign[1]}"})
    assert (answer.status, answer.code) == (401, "session_invalid")


def test_nor_can_it_be_refreshed_here(anywhere, foreign):
    answer = anywhere.visitor().send(
        "POST", "/api/v1/auth/token/refresh", {}, headers={"authorization": f"Bearer {foreign[1]}"}
    )
    assert answer.status == 401
