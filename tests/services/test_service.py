"""Registrations: keys kept as hashes, scope ids never reused, hosts held by one service; on each database."""

import pytest

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Outcome
from ostiary.services import service
from ostiary.services.model import DEFAULT, Registration
from tests.sessions.home import HOUR, OPERATOR


def add(home, name="app", **given):
    return home.act(lambda tx: service.add(tx, OPERATOR, Registration(name, **given)))


def find(home, name="app"):
    return home.read(lambda tx: service.find(tx, name))


def hosts(home, name="app"):
    return home.read(lambda tx: service.hosts_of(tx, name))


def test_what_was_registered_stands_there(anywhere):
    key = add(anywhere, hosts=("b.test", "a.test:8443", "b.test"), scopes=("z.z", "a.a"), discloses=("person",))
    found = find(anywhere)
    assert (found.scopes, found.discloses, found.requires_key) == (("a.a", "z.z"), ("person",), False)
    assert hosts(anywhere) == ("a.test:8443", "b.test")
    assert found.opens(key.encode(), 0)
    assert [one.name for one in anywhere.read(service.listed)] == ["default", "app"]


def test_only_a_hash_of_the_key_is_kept(anywhere):
    key = add(anywhere)
    assert key.startswith("svk-")
    assert len(key) == 47
    stored = str(anywhere.rows("SELECT * FROM services")) + str(anywhere.rows("SELECT * FROM receipts"))
    assert key not in stored
    assert key[4:] not in stored


def test_a_scope_id_is_never_reused(anywhere):
    seen = [DEFAULT.scope_id]
    for _ in range(3):
        add(anywhere)
        seen.append(find(anywhere).scope_id)
        anywhere.act(lambda tx: service.remove(tx, OPERATOR, "app"))
    assert len(set(seen)) == 4
    assert seen == sorted(seen)


def test_a_name_is_taken_once_and_a_host_belongs_to_one_service(anywhere):
    add(anywhere, hosts=("a.test",))
    assert add(anywhere).code is Code.SERVICE_TAKEN
    assert add(anywhere, "other", hosts=("b.test", "a.test")).code is Code.SERVICE_TAKEN
    assert isinstance(find(anywhere, "other"), Refusal)
    assert hosts(anywhere, "other") == ()
    assert hosts(anywhere) == ("a.test",)
    assert isinstance(add(anywhere, "other", hosts=("b.test",)), str)


def test_a_removed_service_lets_go_of_its_hosts(anywhere):
    add(anywhere, hosts=("a.test",))
    assert anywhere.act(lambda tx: service.remove(tx, OPERATOR, "app")) is None
    assert anywhere.act(lambda tx: service.remove(tx, OPERATOR, "app")).code is Code.SERVICE_UNKNOWN
    assert isinstance(add(anywhere, "other", hosts=("a.test",)), str)


def test_the_old_key_is_good_for_the_grace_and_no_longer(anywhere):
    old = add(anywhere).encode()
    new = anywhere.act(lambda tx: service.rotate(tx, OPERATOR, "app", HOUR)).encode()
    found = find(anywhere)
    assert found.opens(new, 0)
    assert found.opens(old, found.old_key_until - 1)
    assert not found.opens(old, found.old_key_until)
    newest = anywhere.act(lambda tx: service.rotate(tx, OPERATOR, "app", 0)).encode()
    found = find(anywhere)
    assert found.opens(newest, 0)
    assert not found.opens(new, 0)
    assert not found.opens(old, 0)
    for wrong in (b"", b"x", newest[:-1], newest + b"x"):
        assert not found.opens(wrong, 0)


def test_what_is_stated_anew_replaces_what_stood(anywhere):
    add(anywhere, hosts=("a.test",), scopes=("a.a",), discloses=("name",), requires_key=True)
    before = find(anywhere)
    after = anywhere.act(lambda tx: service.change(tx, OPERATOR, Registration("app", discloses=("person",))))
    assert (after.scopes, after.discloses, after.requires_key) == ((), ("person",), False)
    assert (after.scope_id, after.key_hash, hosts(anywhere)) == (before.scope_id, before.key_hash, ("a.test",))


def test_default_can_be_neither_added_nor_changed_nor_removed(home):
    for use_case in (
        lambda tx: service.add(tx, OPERATOR, Registration("default")),
        lambda tx: service.change(tx, OPERATOR, Registration("default")),
        lambda tx: service.rotate(tx, OPERATOR, "default", 0),
        lambda tx: service.remove(tx, OPERATOR, "default"),
    ):
        assert home.act(use_case).code is Code.SERVICE_BUILT_IN
    assert find(home, "default") == DEFAULT


def test_nothing_is_done_to_a_service_that_is_not_there(home):
    for use_case in (
        lambda tx: service.change(tx, OPERATOR, Registration("app")),
        lambda tx: service.rotate(tx, OPERATOR, "app", 0),
        lambda tx: service.remove(tx, OPERATOR, "app"),
    ):
        assert home.act(use_case).code is Code.SERVICE_UNKNOWN
        assert home.last().outcome == Outcome.REFUSED


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a/b", "a b", "ä", "a\n", "a" * 64, "-a", ".."])
def test_hostile_names(home, name):
    assert add(home, name).reasons[0] == f"name:{name}"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "App.test",
        "https://app.test",
        "app.test/",
        "app.test:",
        "app.test:0",
        "app.test:123456",
        "*.test",
        "user@app.test",
        "app..test",
        ".app.test",
        "app.test.",
        "-a.test",
        "a_b.test",
        "app.test\n",
        "app.test\\evil",
        "äpp.test",
        "[::1]",
    ],
)
def test_hostile_hosts(home, host):
    assert add(home, hosts=(host,)).reasons == (f"host:{host}",)


def test_hostile_words(home):
    for scope in ("", "read", "a.", ".a", "A.b", "a b.c", "a.b\n"):
        assert add(home, scopes=(scope,)).reasons == (f"scope:{scope}",)
    for fact in ("", "Name", "password", "person "):
        assert add(home, discloses=(fact,)).reasons == (f"fact:{fact}",)
    assert add(home, hosts=tuple(f"h{n}.test" for n in range(33))).reasons == ("too_many",)


def test_a_change_names_what_it_adds_and_drops_and_nothing_that_stays(anywhere):
    home = anywhere
    add(home, hosts=("a.test",), scopes=("a.a", "b.b"), discloses=("name",), requires_key=True)

    def changed(**given):
        home.act(lambda tx: service.change(tx, OPERATOR, Registration("app", **given)))
        assert home.last().operation == EventName.SERVICE_CHANGE
        return home.last().reasons

    kept = {"discloses": ("name",), "requires_key": True}
    assert changed(scopes=("c.c", "b.b"), **kept) == ("adds:scope:c.c", "drops:scope:a.a")
    assert changed(scopes=("b.b", "c.c"), **kept) == ()
    assert changed(hosts=("b.test",), scopes=("b.b", "c.c"), **kept) == (), "hosts are not changed by this"
    assert home.read(lambda tx: service.hosts_of(tx, "app")) == ("a.test",)
    assert changed(scopes=("b.b", "c.c")) == ("drops:discloses:name", "drops:requires_key")


def test_each_change_is_on_record(home):
    add(home, hosts=("a.test",), scopes=("a.a",), discloses=("name",), requires_key=True)
    assert set(home.last().reasons) == {"host:a.test", "scope:a.a", "discloses:name", "requires_key"}
    home.act(lambda tx: service.change(tx, OPERATOR, Registration("app")))
    home.act(lambda tx: service.rotate(tx, OPERATOR, "app", HOUR))
    home.act(lambda tx: service.remove(tx, OPERATOR, "app"))
    names = [receipt.operation for receipt in home.receipts(subject="app")]
    assert names == [
        EventName.SERVICE_ADD,
        EventName.SERVICE_CHANGE,
        EventName.SERVICE_ROTATE,
        EventName.SERVICE_REMOVE,
    ]
