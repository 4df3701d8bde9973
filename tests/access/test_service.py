"""Grants: given by hand, once, on record, in one tenant."""

import pytest

from ostiary.access import service as access
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from tests.login.gatehouse import OPERATOR

OTHER = Scope("other")


def grant(gatehouse, person, role):
    gatehouse.act(lambda tx: access.grant(tx, OPERATOR, person, role))


def test_a_role_is_given_and_on_record(gatehouse):
    grant(gatehouse, "user-a", "auditor")
    grant(gatehouse, "user-a", access.ADMINISTRATOR)
    assert gatehouse.roles("user-a") == ["administrator", "auditor"]
    assert gatehouse.roles("user-b") == []
    told = gatehouse.receipts(operation="role.grant")
    assert [(one.actor, one.subject, one.reasons) for one in told] == [
        ("operator:test", "user-a", ("auditor",)),
        ("operator:test", "user-a", ("administrator",)),
    ]
    rows = gatehouse.rows("SELECT role, granted_by, granted_at FROM grants ORDER BY role")
    assert rows == [(role, "operator:test", gatehouse.clock()) for role in ("administrator", "auditor")]


def test_what_was_given_is_not_given_again(gatehouse):
    grant(gatehouse, "user-a", "auditor")
    before, receipts = gatehouse.rows("SELECT * FROM grants"), len(gatehouse.receipts())
    gatehouse.clock.turn(1)
    grant(gatehouse, "user-a", "auditor")
    assert gatehouse.rows("SELECT * FROM grants") == before
    assert len(gatehouse.receipts()) == receipts


@pytest.mark.parametrize(("role", "there"), [("auditor", False), (access.ADMINISTRATOR, True)])
def test_whether_there_is_an_administrator(gatehouse, role, there):
    assert not gatehouse.read(access.has_administrator)
    grant(gatehouse, "user-a", role)
    assert gatehouse.read(access.has_administrator) is there


def test_a_grant_counts_in_its_tenant_only(gatehouse):
    house = gatehouse.house
    house.vault.transact_now(OTHER, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    grant(gatehouse, "user-a", access.ADMINISTRATOR)
    assert house.vault.read_now(OTHER, lambda tx: access.roles(tx, "user-a")) == []
    assert not house.vault.read_now(OTHER, access.has_administrator)
