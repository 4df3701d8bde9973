"""Every receipt gets its leaf: whoever writes it, however often something is rolled back, and also the old ones."""

import asyncio
import importlib.util
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.values import Event, EventName
from ostiary.receipts import store
from ostiary.receipts.publishing import sequence
from ostiary.receipts.sequencer import drain
from tests.login.gatehouse import OPERATOR
from tests.receipts.tampering import Log
from tests.rigs.databases import migrated_url
from tests.sessions.home import Home


def written(tx, word="x"):
    return tx.emit(Event(EventName.SESSION_END, OPERATOR, word))


def broken(tx):
    written(tx, "never")
    raise LookupError


def test_what_is_rolled_back_leaves_no_leaf(anywhere):
    home = anywhere
    for _ in range(3):
        with pytest.raises(LookupError):
            home.act(broken)
        home.act(written)
        home.act(written)
    log = Log(home)
    assert log.find(signatures=True) is None
    assert home.read(store.height) == home.read(store.count) == len(home.receipts())


def test_several_receipts_of_one_transaction_and_of_one_group(anywhere):
    home = anywhere

    def three(tx):
        for word in "abc":
            written(tx, word)

    async def many():
        works = [three, broken, written] * 20
        return await asyncio.gather(
            *(home.house.vault.transact(home.scope, one) for one in works), return_exceptions=True
        )

    before = home.read(store.count)
    home.run(many())
    assert home.read(store.count) == before + 80
    assert Log(home).find(signatures=True) is None


def test_processes_take_turns_at_one_tree(anywhere):
    home = anywhere
    neighbours = [home.beside() for _ in range(3)]

    def work(neighbour):
        for number in range(15):
            neighbour.house.vault.transact_now(home.scope, written)
            if number % 4 == 0:
                with pytest.raises(LookupError):
                    neighbour.house.vault.transact_now(home.scope, broken)
            if neighbour.house.vault.dialect != "sqlite":
                neighbour.house.vault.transact_now(home.scope, drain)

    before = home.read(store.count)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, neighbours))
    assert home.read(store.count) == before + 45
    assert Log(home).find(signatures=True) is None


def test_on_sqlite_the_leaf_is_there_with_the_commit(home):
    home.act(written)
    assert home.read(store.height) == home.read(store.count)
    assert not home.read(store.is_pending)


def test_a_tree_that_was_damaged_takes_no_more(home):
    log = Log(home)
    log.run("DELETE FROM tree_leaves WHERE leaf = 7")
    home.crash()
    with pytest.raises(StoreUnavailable, match="receipts verify"):
        home.act(written)
    assert log.find().kind == "missing"


@pytest.mark.postgres
class TestWaiting:
    """What only PostgreSQL has: receipts that are committed and wait for their place."""

    @pytest.fixture
    def log(self, tmp_path):
        with migrated_url() as url, closing(Home(tmp_path, url=url)) as home:
            yield Log(home)

    def test_a_receipt_that_is_deleted_before_it_was_sequenced_is_missed(self, log):
        receipt = log.home.act(written)
        assert log.home.read(store.is_pending)
        assert log.run("DELETE FROM receipts WHERE id = ?", receipt) == 1
        log.settle()
        assert log.find().kind == "missing"

    def test_one_that_is_changed_before_is_found_too(self, log):
        receipt = log.home.act(written)
        log.run("UPDATE receipts SET actor = 'mallory' WHERE id = ?", receipt)
        log.settle()
        assert (log.find().kind, log.find().receipt) == ("altered", receipt)

    def test_a_late_commit_is_not_skipped(self, log):
        """The writer that began first commits last, with a lower number than what is in the tree by then."""
        neighbour, entered, opened = log.home.beside(), threading.Event(), threading.Event()

        def late(tx):
            written(tx, "late")
            tx.all(store._IS_PENDING)  # sends what was queued
            entered.set()
            assert opened.wait(20)

        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(neighbour.house.vault.transact_now, log.home.scope, late)
            assert entered.wait(20)
            log.home.act(written)
            log.settle()
            opened.set()
            slow.result()
        log.settle()
        subjects = log.look(
            "SELECT r.seq, r.subject FROM tree_leaves l JOIN receipts r ON r.seq = l.seq ORDER BY l.leaf"
        )
        assert [subject for _, subject in subjects[-2:]] == ["x", "late"]
        assert subjects[-1][0] < subjects[-2][0]
        assert log.find(signatures=True) is None
        assert log.home.read(store.count) == log.home.read(store.height)

    def test_the_chore_of_the_server_drains_more_than_one_batch(self, log):
        def many(tx):
            for _ in range(700):
                written(tx)

        log.home.act(many)
        log.home.run(sequence(log.home.house.vault, log.home.scope))
        assert not log.home.read(store.is_pending)
        assert log.find() is None

    def test_waiting_receipts_are_not_taken_for_inserted_ones(self, log):
        log.home.act(written)
        assert log.find() is None


def test_receipts_from_before_the_tree_become_its_first_leaves(anywhere):
    """What the migration writes is what the ledger would have written."""
    home = anywhere
    for _ in range(5):
        home.open()
    home.act(lambda tx: tx.emit(Event(EventName.SESSION_END, OPERATOR, "é", reasons=("ü", 'a"b,', "3:x,"))))
    log = Log(home)
    wanted = log.look("SELECT leaf, seq, hashes FROM tree_leaves ORDER BY leaf")
    migration = _migration()
    edge, made = [], []
    for place, row in enumerate(log.look("SELECT * FROM receipts ORDER BY seq")):
        made.append((place, row[0], migration._appended(edge, place, migration._leaf(row))))
    assert made == wanted


def _migration():
    path = Path(store.__file__).parents[1] / "storage" / "migrations" / "versions" / "0004_log_tree.py"
    spec = importlib.util.spec_from_file_location("log_tree", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
