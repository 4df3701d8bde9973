"""The keyring: the newest key that is not retired signs, every key that is held verifies, no key shows itself."""

import pytest

from ostiary.kernel.errors import KeyUnknown
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import ROTATABLE, Key, Purpose

SECRET = b"a very secret secret of 32 bytes"


def key(name, version=1, *, tenant="default", purpose=Purpose.SESSION, retired=0):
    return Key(name, tenant, purpose, version, SECRET, b"", 0, retired)


def test_the_newest_key_that_is_not_retired_is_active():
    keyring = Keyring([key("b", 2), key("c", 3, retired=5), key("a", 1)])
    assert keyring.active("default", Purpose.SESSION).id == "b"
    assert keyring.find("c").retired_at == 5


def test_tenants_and_purposes_do_not_mix():
    keyring = Keyring([key("a"), key("b", 9, tenant="other"), key("c", 9, purpose=Purpose.CSRF)])
    assert keyring.active("default", Purpose.SESSION).id == "a"
    assert keyring.active("other", Purpose.SESSION).id == "b"
    for tenant, purpose in (("other", Purpose.CSRF), ("default", Purpose.DATA)):
        with pytest.raises(KeyUnknown, match=f"tenant {tenant} has no active {purpose} key"):
            keyring.active(tenant, purpose)


def test_a_purpose_whose_only_key_is_retired_has_no_active_one():
    with pytest.raises(KeyUnknown):
        Keyring([key("a", retired=1)]).active("default", Purpose.SESSION)


def test_replacing_forgets_what_is_not_named():
    keyring = Keyring([key("a")])
    keyring.replace([key("b", 2)])
    assert (keyring.find("a"), keyring.find("b").id, keyring.active("default", Purpose.SESSION).id) == (None, "b", "b")


def test_all_are_listed_oldest_first():
    keyring = Keyring([key("b", 2), key("x", purpose=Purpose.CSRF), key("a", 1)])
    assert [one.id for one in keyring.all()] == ["x", "a", "b"]


def test_no_secret_shows_itself():
    held = key("a")
    for shown in (repr(held), str(held), repr([held]), repr(Keyring([held])), f"{held}"):
        assert "secret" not in shown.replace("secret=", "")
        assert SECRET.hex() not in shown
    assert repr(held) == "Key('a', <Purpose.SESSION: 'session'>, version=1)"


def test_only_keys_whose_values_name_them_rotate():
    assert {Purpose.SESSION, Purpose.PRELOGIN, Purpose.RECEIPT} == ROTATABLE
