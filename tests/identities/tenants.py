"""Tenants beside the default one, with keys of their own."""

from ostiary.identities import service as identities
from ostiary.identities.model import Tenant
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from tests.login.gatehouse import OPERATOR

ORIGIN = "https://id.example.test"


def made(gatehouse, name="other", mode=Mode.LIVE, **given):
    """Add a tenant with its keys; return (its scope, what the use case answered)."""
    house, scope = gatehouse.house, Scope(name, mode)
    fields = {"rp_id": "id.example.test", "origins": (ORIGIN,)} | given

    def use_case(tx):
        keys.ensure(tx, house.sealer, house.keyring)
        return identities.add_tenant(tx, OPERATOR, Tenant(name, mode, **fields))

    return scope, house.vault.transact_now(scope, use_case)


def within(gatehouse, scope, use_case):
    """Run a use case in a tenant."""
    return gatehouse.house.vault.transact_now(scope, use_case)


def person(gatehouse, scope=None):
    """Add somebody to a tenant; return their id."""
    keyring = gatehouse.house.keyring
    return within(gatehouse, scope or gatehouse.scope, lambda tx: identities.add_person(tx, keyring, OPERATOR)).id
