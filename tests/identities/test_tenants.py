"""Tenants by the operator's hand: made once, with what their passkeys need, apart from each other."""

from functools import partial

import pytest

from ostiary.identities import service as identities
from ostiary.identities.model import Tenant, flaw
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.receipts import service as receipts
from tests.identities.tenants import ORIGIN, made, person, within
from tests.login.gatehouse import OPERATOR


def test_a_tenant_is_made_listed_and_on_record_in_itself(everywhere):
    wish = {"origins": (ORIGIN, "https://www.id.example.test:8443"), "seeded": True}
    scope, refused = made(everywhere, "rheinwerk_1", Mode.FIXTURE, **wish)
    assert refused is None
    stored = Tenant("rheinwerk_1", Mode.FIXTURE, "id.example.test", **wish)
    assert everywhere.read(lambda tx: identities.tenant_named(tx, "rheinwerk_1")) == stored
    assert everywhere.read(identities.list_tenants) == [Tenant("default", Mode.LIVE), stored]
    assert everywhere.read(identities.tenant_scopes) == [everywhere.scope, scope]
    assert within(everywhere, scope, identities.find_tenant) == stored
    newest = within(everywhere, scope, lambda tx: receipts.newest(tx, 1))[0]
    assert (newest.tenant, newest.mode, newest.operation, newest.actor) == (
        "rheinwerk_1",
        "fixture",
        "tenant.create",
        OPERATOR.actor,
    )
    assert newest.reasons == (
        "fixture",
        "rp_id:id.example.test",
        *(f"origin:{one}" for one in wish["origins"]),
        "seeded",
    )
    assert not everywhere.receipts(subject="rheinwerk_1"), "not in the log of another tenant"


def test_a_name_is_one_tenants_for_ever(everywhere):
    scope, _ = made(everywhere)
    before = everywhere.read(identities.list_tenants)
    assert made(everywhere, origins=("https://id.example.test:444",))[1].code is Code.TENANT_TAKEN
    assert everywhere.read(identities.list_tenants) == before
    told = within(everywhere, scope, lambda tx: receipts.newest(tx, 1))[0]
    assert (told.outcome, told.reasons) == ("refused", ("tenant_taken",))


def test_the_default_tenant_is_taken(gatehouse):
    assert made(gatehouse, "default")[1].code is Code.TENANT_TAKEN


@pytest.mark.parametrize("name", ["", "Rhein", "rhein-werk", "r" * 41, "r\0", "r\n", "ä", "a b", "a:b"])
def test_a_malformed_name_is_no_tenant(name):
    assert flaw(Tenant(name, Mode.LIVE, "id.example.test", (ORIGIN,))) == "name"


@pytest.mark.parametrize(
    "origins",
    [
        (),
        ("",),
        ("http://id.example.test",),
        ("https://id.example.test/",),
        ("https://id.example.test:443",),
        ("https://ID.example.test",),
        ("https://192.0.2.1",),
        ("https://id.example.test https://b.example.test",),
        ("https://id.example.test\0",),
        ("https://[",),
        ("https://" + "a" * 300 + ".test",),
        (ORIGIN, "nothing"),
        (ORIGIN,) * 21,
    ],
)
def test_an_origin_is_one_that_browsers_send(origins):
    assert flaw(Tenant("other", Mode.LIVE, "id.example.test", origins)) == "origin"


@pytest.mark.parametrize(
    ("rp_id", "origins", "wrong"),
    [
        ("id.example.test", (ORIGIN,), ""),
        ("example.test", (ORIGIN, "https://example.test"), ""),
        ("localhost", ("http://localhost:8080",), ""),
        ("", (ORIGIN,), "rp_id"),
        ("test", (ORIGIN,), "rp_id"),
        ("other.test", (ORIGIN,), "rp_id"),
        ("xample.test", (ORIGIN,), "rp_id"),
        ("www.id.example.test", (ORIGIN,), "rp_id"),
        ("id.example.test", (ORIGIN, "https://example.test"), "rp_id"),
    ],
)
def test_the_relying_party_stands_above_every_origin(rp_id, origins, wrong):
    assert flaw(Tenant("other", Mode.LIVE, rp_id, origins)) == wrong


def test_only_a_fixture_is_seeded():
    assert flaw(Tenant("other", Mode.LIVE, "id.example.test", (ORIGIN,), seeded=True)) == "seed"


def test_what_is_malformed_is_refused_with_a_receipt(gatehouse):
    scope, _ = made(gatehouse)
    refused = within(
        gatehouse,
        scope,
        lambda tx: identities.add_tenant(tx, OPERATOR, Tenant("other", Mode.LIVE, "x.test", (ORIGIN,))),
    )
    assert (refused.code, refused.reasons) == (Code.TENANT_MALFORMED, ("rp_id",))
    assert refused.receipt


def test_a_tenant_is_made_in_its_own_scope_only(gatehouse):
    with pytest.raises(ContractBroken):
        gatehouse.act(
            lambda tx: identities.add_tenant(tx, OPERATOR, Tenant("other", Mode.LIVE, "id.example.test", (ORIGIN,)))
        )


def test_whose_person_somebody_is(everywhere):
    scope, _ = made(everywhere)
    theirs = person(everywhere, scope)
    assert within(everywhere, scope, lambda tx: identities.is_known(tx, theirs))
    for odd in (theirs, "", "user-nobody", "anna\0"):
        assert not everywhere.read(lambda tx, odd=odd: identities.is_known(tx, odd))


def test_no_tenant_has_a_name_that_no_database_keeps(everywhere):
    for name in ("default\0", "default\n", "", "\ud800", "nobody"):
        assert everywhere.read(lambda tx, name=name: identities.tenant_named(tx, name)) is None


def test_of_two_nodes_that_add_one_tenant_one_wins(everywhere):
    nodes = [everywhere, everywhere.node()]
    for number in range(5):
        name = f"t{number}"
        wish = Tenant(name, Mode.LIVE, "id.example.test", (ORIGIN,))

        def add(tx, node, wish=wish):
            keys.ensure(tx, node.house.sealer, node.house.keyring)
            return identities.add_tenant(tx, OPERATOR, wish)

        outcomes = everywhere.together(
            *(node.house.vault.transact(Scope(name), partial(add, node=node)) for node in nodes)
        )
        assert sorted(map(type, outcomes), key=str) == [type(None), Refusal], outcomes
    assert len(everywhere.read(identities.list_tenants)) == 6
    counts = everywhere.rows("SELECT count(*) FROM keys GROUP BY tenant_id")
    assert {count for (count,) in counts} == {len(Purpose)}


def test_a_boot_accepts_a_tenant_that_knows_its_passkeys(gatehouse):
    scope, _ = made(gatehouse)
    within(gatehouse, Scope(scope.tenant), identities.ensure_tenant)
