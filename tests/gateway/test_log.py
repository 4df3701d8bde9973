"""Heads and proofs over HTTP, on the internal listener only: checked as somebody outside would."""

import pytest

from ostiary.receipts.heads import Head, head_holds, public_keys
from ostiary.receipts.sequencer import drain
from ostiary.receipts.tree import consistent, included
from tests.sessions.home import Failing

PATH = "/api/v1/receipts"


def ask(home, path, **options):
    return home.visitor().send("GET", PATH + path, internal=True, **options)


def settle(home):
    while home.house.vault.dialect != "sqlite" and home.act(drain):
        pass


def test_a_signed_head(anywhere):
    home = anywhere
    settle(home)
    answer = ask(home, "/head")
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    head = Head(**answer.json)
    assert head.size == len(home.receipts())
    assert head_holds(head, public_keys(home.house.keyring)[head.key][1])


def test_a_proof_that_a_receipt_is_in_the_log(anywhere):
    home = anywhere
    home.open()
    settle(home)
    for receipt in home.receipts():
        proof = ask(home, f"/proof?receipt={receipt.id}").json
        leaf, path = bytes.fromhex(proof["hash"]), [bytes.fromhex(step) for step in proof["path"]]
        assert proof["seq"] == receipt.seq
        assert included(leaf, proof["leaf"], proof["head"]["size"], path, bytes.fromhex(proof["head"]["root"]))


@pytest.mark.parametrize("query", ["", "?receipt=", "?receipt=rcp-nope", "?receipt=%00", "?receipt=%ff"])
def test_no_proof_of_a_receipt_that_nobody_wrote(anywhere, query):
    answer = ask(anywhere, f"/proof{query}")
    assert (answer.status, answer.code) == (404, "receipt_unknown")


def test_a_proof_that_the_log_only_grew(home):
    old = ask(home, "/head").json
    for _ in range(3):
        home.open()
    new = ask(home, "/head").json
    proof = ask(home, f"/consistency?from={old['size']}&to={new['size']}").json
    assert (proof["old_root"], proof["root"]) == (old["root"], new["root"])
    roots = [bytes.fromhex(one["root"]) for one in (old, new)]
    assert consistent(old["size"], new["size"], *roots, [bytes.fromhex(step) for step in proof["path"]])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?from=1",
        "?from=0&to=1",
        "?from=3&to=2",
        "?from=1&to=999",
        "?from=-1&to=1",
        "?from=x&to=1",
        f"?from=1&to={'9' * 40}",
        "?from=%C2%B2&to=3",
    ],
)
def test_no_proof_between_sizes_that_are_none(home, query):
    answer = ask(home, f"/consistency{query}")
    assert (answer.status, answer.code) == (400, "request_malformed")


@pytest.mark.parametrize("path", ["/head", "/proof?receipt=x", "/consistency?from=1&to=1"])
def test_foreign_hosts_pages_and_the_public_listener_get_nothing(home, path):
    assert ask(home, path, headers={"host": "evil.test"}).code == "host_refused"
    assert ask(home, path, headers={"origin": "https://evil.test"}).status == 403
    assert home.visitor().send("GET", PATH + path).status == 404


def test_a_store_that_cannot_answer_is_503(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    home.house.vault.down = True
    answer = ask(home, "/head")
    assert (answer.status, answer.code) == (503, "store_unavailable")
