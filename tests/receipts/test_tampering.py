"""Whoever changes the log behind the server's back is found out, and the first place is named; on both databases."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ostiary.receipts import store
from ostiary.receipts.model import canonical
from ostiary.receipts.rows import receipt_of
from ostiary.receipts.verification import Workers
from tests.receipts.tampering import Log

VICTIM = 12
COLUMNS = [column.name for column in store.receipts.c if column.name != "seq"]


@pytest.fixture
def log(anywhere):
    """Twenty-odd receipts, so that there are full stretches and a rest."""
    for _ in range(12):
        anywhere.open()
    made = Log(anywhere)
    assert made.find(signatures=True) is None
    return made


def bent(value):
    """The same value with one byte changed."""
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, str):
        return (value[:-1] + ("0" if value[-1] != "0" else "1")) if value else "0"
    raw = bytes(value)
    return bytes([raw[0] ^ 1]) + raw[1:]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_byte_in_each_column(log, column):
    row = log.row(VICTIM)
    new = '["passkez"]' if column == "reasons" else bent(row[column])
    assert log.run(f"UPDATE receipts SET {column} = ? WHERE seq = ?", new, VICTIM) == 1
    found = log.find()
    assert (found.kind, found.seq, found.leaf) == ("altered", VICTIM, VICTIM - 1)
    assert found.receipt == (new if column == "id" else row["id"])


def moved(log):
    log.run("UPDATE receipts SET seq = 1000 WHERE seq = ?", VICTIM)


def reworded(log):
    """The same reasons, another spelling: somebody else's hand."""
    log.run("UPDATE receipts SET reasons = replace(reasons, '\", \"', '\",\"') || ' ' WHERE seq = ?", VICTIM)


def removed(log):
    log.run("DELETE FROM receipts WHERE seq = ?", VICTIM)


def removed_with_its_leaf(log):
    removed(log)
    log.run("DELETE FROM tree_leaves WHERE seq = ?", VICTIM)


def inserted(log):
    log.put(log.row(VICTIM) | {"seq": 1000, "id": "rcp-AAAAAAAAAAAAAAAAAAAAAA"})


def swapped(log):
    log.run("UPDATE receipts SET seq = 1000 WHERE seq = ?", VICTIM)
    log.run("UPDATE receipts SET seq = ? WHERE seq = ?", VICTIM, VICTIM + 1)
    log.run("UPDATE receipts SET seq = ? WHERE seq = 1000", VICTIM + 1)


def swapped_leaves(log):
    log.run("UPDATE tree_leaves SET seq = 1000 WHERE seq = ?", VICTIM)
    log.run("UPDATE tree_leaves SET seq = ? WHERE seq = ?", VICTIM, VICTIM + 1)
    log.run("UPDATE tree_leaves SET seq = ? WHERE seq = 1000", VICTIM + 1)


def node(level):
    def edited(log):
        leaf = {0: VICTIM - 1, 1: VICTIM - 1, 2: VICTIM - 1, 3: 15, 4: 15}[level]
        ((raw,),) = log.look("SELECT hashes FROM tree_leaves WHERE leaf = ?", leaf)
        at = 32 * level
        log.run("UPDATE tree_leaves SET hashes = ? WHERE leaf = ?", raw[:at] + bent(raw[at:]), leaf)

    return edited


def node_added(log):
    """A hash too many, at the end of the tree."""
    ((last, raw),) = log.look("SELECT leaf, hashes FROM tree_leaves ORDER BY leaf DESC LIMIT 1")
    log.run("UPDATE tree_leaves SET hashes = ? WHERE leaf = ?", raw + raw[:32], last)


CASES = {
    "moved": (moved, ("missing", VICTIM, VICTIM - 1)),
    "the same in other words": (reworded, ("altered", VICTIM, VICTIM - 1)),
    "removed": (removed, ("missing", VICTIM, VICTIM - 1)),
    "removed with its leaf": (removed_with_its_leaf, ("missing", -1, VICTIM - 1)),
    "inserted": (inserted, ("inserted", 1000, -1)),
    "swapped": (swapped, ("reordered", VICTIM, VICTIM - 1)),
    "swapped by their leaves": (swapped_leaves, ("reordered", VICTIM + 1, VICTIM - 1)),
    "leaf edited": (node(0), ("tree_edited", VICTIM, VICTIM - 1)),
    "node above it edited": (node(1), ("tree_edited", VICTIM, VICTIM - 1)),
    "node above that edited": (node(2), ("tree_edited", VICTIM, VICTIM - 1)),
    "root of a stretch edited": (node(3), ("tree_edited", 16, 15)),
    "node above stretches edited": (node(4), ("tree_edited", -1, 15)),
    "a node too many": (node_added, ("tree_edited", -1, None)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_fault_is_named(log, case):
    act, (kind, seq, leaf) = CASES[case]
    act(log)
    found = log.find()
    assert (found.kind, found.seq) == (kind, seq), found
    assert leaf is None or found.leaf == leaf


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL lets no such text in
def test_a_row_that_cannot_be_read_is_named_and_those_before_it_are_not(log):
    log.run("UPDATE receipts SET actor = CAST(x'ff61' AS TEXT) WHERE seq = ?", VICTIM)
    found = log.find()
    assert (found.kind, found.leaf, found.words) == ("altered", VICTIM - 1, "it cannot be read any more")


def test_of_two_faults_the_first(log):
    log.run("UPDATE receipts SET outcome = 'x' WHERE seq IN (5, 9)")
    assert log.find().seq == 5


def resigned(log, actor="operator:mallory"):
    """Change a receipt, sign it with a key of one's own, and build the tree anew."""
    log.run("UPDATE receipts SET actor = ? WHERE seq = ?", actor, VICTIM)
    ((*row,),) = log.look("SELECT 0, seq, 0, * FROM receipts WHERE seq = ?", VICTIM)
    foreign = Ed25519PrivateKey.from_private_bytes(os.urandom(32))
    log.run("UPDATE receipts SET signature = ? WHERE seq = ?", foreign.sign(canonical(receipt_of(row))), VICTIM)
    log.forge()
    return foreign.public_key().public_bytes_raw()


def test_a_receipt_signed_again_with_a_foreign_key(log):
    head = log.head()
    resigned(log)
    assert log.find() is None  # the tree agrees with the rows: it takes a signature, or a head from outside
    found = log.find(signatures=True)
    assert (found.kind, found.seq) == ("signature", VICTIM)
    assert log.find(head).kind == "forked"


def test_nor_does_it_help_to_put_the_foreign_public_key_into_the_database(log):
    public = resigned(log)
    log.run("UPDATE keys SET public = ? WHERE purpose = 'receipt'", public)
    log.home.crash()
    found = log.find(signatures=True)
    assert (found.kind, found.seq) == ("signature", VICTIM)


def test_a_receipt_of_one_tenant_is_not_signed_by_another(log):
    log.run("UPDATE receipts SET tenant_id = 'other' WHERE seq = ?", VICTIM)
    log.forge()
    assert log.find(signatures=True).kind == "signature"


def test_a_cut_tail_is_seen_with_an_older_head(log):
    head = log.head()
    log.run("DELETE FROM receipts WHERE seq > ?", VICTIM)
    log.run("DELETE FROM tree_leaves WHERE seq > ?", VICTIM)
    assert log.find() is None  # what is left is whole
    found = log.find(head)
    assert (found.kind, found.leaf) == ("cut", VICTIM)


def test_a_cut_tail_that_has_grown_again_too(log):
    head = log.head()
    log.run("DELETE FROM receipts WHERE seq > ?", VICTIM)
    log.run("DELETE FROM tree_leaves WHERE seq > ?", VICTIM)
    for _ in range(30):
        log.home.open()
    log.settle()
    assert log.find(signatures=True) is None
    assert log.find(head).kind == "forked"


def test_a_log_that_only_grew_agrees_with_every_older_head(log):
    heads = []
    for _ in range(3):
        heads.append(log.head())
        log.home.open()
        log.settle()
    assert log.find(*heads, signatures=True) is None


@pytest.mark.parametrize("change", [{"size": 3}, {"root": "00" * 32}, {"at": 1}, {"key": "sk-x"}, {"signature": "zz"}])
def test_a_bent_head_counts_for_nothing(log, change):
    head = type(log.head())(**{name: getattr(log.head(), name) for name in log.head().__struct_fields__} | change)
    assert log.find(head).kind == "head"


def test_processes_that_share_the_work_find_the_same(log):
    many = Workers(2, worth=1, stretch=8)
    assert log.find(signatures=True, workers=many) is None
    removed(log)
    assert log.find(workers=many) == log.find()
