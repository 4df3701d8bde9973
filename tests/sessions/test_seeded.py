"""The session of a seeded fixture tenant: real in all but its token, and no gate of a signed token opens by it."""

import pytest

from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.values import Mode
from ostiary.sessions import seeded, wire
from ostiary.sessions import service as sessions
from ostiary.sessions.model import judge
from tests.identities.tenants import made, person, within
from tests.sessions.home import OPERATOR

WORD = "fixture-session-token"


def seed(home, scope, who):
    return within(home, scope, lambda tx: seeded.seed(tx, home.rules, OPERATOR, who, WORD, ("b.read", "a.read")))


def test_a_seeded_session_keeps_the_commitment_to_its_word(anywhere):
    scope, _ = made(anywhere, mode=Mode.FIXTURE)
    who = person(anywhere, scope)
    made_id = seed(anywhere, scope, who)
    session = within(anywhere, scope, lambda tx: sessions.find(tx, made_id))
    assert (session.person, session.kind, session.scopes, session.factor) == (who, "bearer", "a.read b.read", "fixture")
    assert session.commitment == wire.commitment(WORD)
    assert judge(session, anywhere.clock(), anywhere.rules.settings) is None
    assert sessions.label(anywhere.rules, session)


def test_no_live_tenant_has_one(anywhere):
    scope, _ = made(anywhere)
    who = person(anywhere, scope)
    with pytest.raises(ContractBroken):
        seed(anywhere, scope, who)


def test_neither_its_word_nor_a_signature_over_its_id_opens_a_gate(home):
    scope, _ = made(home, mode=Mode.FIXTURE)
    session = seed(home, scope, person(home, scope))
    key = home.house.keyring.active(scope.tenant, "session")
    for token in (WORD, wire.seal(session, key)):
        assert home.check(None, authorization=f"Bearer {token}").status == 401
