"""Keys of a tenant's programs: shown once, kept as a hash, known by it whichever tenant's they are."""

import hashlib
import re

import pytest

from ostiary.access import clients
from ostiary.kernel.refusals import Code
from tests.identities.tenants import made, within
from tests.login.gatehouse import OPERATOR


def add(gatehouse, kind="client", name="app", scopes=(), scope=None):
    return within(gatehouse, scope or gatehouse.scope, lambda tx: clients.add(tx, OPERATOR, kind, name, scopes))


def find(gatehouse, key):
    return gatehouse.read(lambda tx: clients.find(tx, key))


def remove(gatehouse, name, scope=None):
    return within(gatehouse, scope or gatehouse.scope, lambda tx: clients.remove(tx, OPERATOR, name))


@pytest.mark.parametrize(("kind", "form"), [("client", r"ock-[\w-]{43}"), ("operator", r"ook-[\w-]{43}")])
def test_a_key_says_whose_it_is_and_what_it_may_ask(everywhere, kind, form):
    key = add(everywhere, kind, "app", ("b.read", "a.read", "a.read"))
    assert re.fullmatch(form, key)
    found = find(everywhere, key)
    assert found == clients.ClientKey(found.id, "default", kind, "app", ("a.read", "b.read"), everywhere.clock())
    assert found.id.startswith("ck-")
    assert everywhere.read(clients.list_of) == [found]
    told = everywhere.receipts(operation="client.add")[-1]
    assert (told.subject, told.reasons) == (found.id, (kind, "name:app", "scope:a.read", "scope:b.read"))


def test_at_rest_a_key_is_only_its_hash(gatehouse):
    key = add(gatehouse)
    stored = "".join(gatehouse.dump())
    assert key not in stored
    assert key[4:] not in stored
    assert hashlib.sha256(key.encode()).hexdigest() in stored


def test_a_foreign_tenants_key_is_found_as_theirs(everywhere):
    scope, _ = made(everywhere)
    key = add(everywhere, scope=scope)
    assert find(everywhere, key).tenant == "other"
    assert everywhere.read(clients.list_of) == []
    assert remove(everywhere, "app").code is Code.CLIENT_KEY_UNKNOWN
    assert find(everywhere, key) is not None


@pytest.mark.parametrize(
    "key", ["", "ock-", "ock-" + "A" * 42, "ock-" + "A" * 43, "xck-" + "A" * 43, "ock-\0", "ock-ä"]
)
def test_what_was_never_made_is_no_key(everywhere, key):
    assert find(everywhere, key) is None


def test_a_key_of_one_kind_is_none_of_the_other(everywhere):
    key = add(everywhere, "client")
    assert find(everywhere, "ook" + key[3:]) is None
    assert find(everywhere, key + "\n") is None


def test_a_removed_key_opens_nothing_and_frees_its_name(everywhere):
    key = add(everywhere)
    assert remove(everywhere, "app") is None
    assert find(everywhere, key) is None
    assert everywhere.receipts()[-1].operation == "client.remove"
    assert remove(everywhere, "app").code is Code.CLIENT_KEY_UNKNOWN
    again = add(everywhere)
    assert again != key
    assert find(everywhere, again) is not None


def test_a_name_is_one_keys_at_a_time(everywhere):
    key = add(everywhere)
    assert add(everywhere, "operator").code is Code.REF_TAKEN
    assert [one.id for one in everywhere.read(clients.list_of)] == [find(everywhere, key).id]


@pytest.mark.parametrize("name", ["", "a b", "a\0", "a\n", "n" * 81])
def test_a_malformed_name_is_refused(everywhere, name):
    assert add(everywhere, name=name).code is Code.REF_MALFORMED
    assert remove(everywhere, name).code is Code.CLIENT_KEY_UNKNOWN
    assert everywhere.read(clients.list_of) == []


@pytest.mark.parametrize("scope", ["", "reports", "Reports.read", "a.b c.d", "a.read\0"])
def test_a_malformed_scope_is_refused(everywhere, scope):
    assert add(everywhere, scopes=("a.read", scope)).code is Code.SCOPE_MALFORMED
    assert everywhere.read(clients.list_of) == []


def test_another_kind_is_a_fault_of_ours(gatehouse):
    with pytest.raises(ValueError, match="root"):
        add(gatehouse, "root")
