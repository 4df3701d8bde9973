"""The log: walk a million receipts, hash each as it stands, and hold them against the tree."""

import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing

from bench.method import Row, tell
from bench.rows import fill
from bench.server import file_of, new_house, temporary
from ostiary.house import House, database_url
from ostiary.receipts.heads import public_keys
from ostiary.receipts.model import leaf_bytes
from ostiary.receipts.rows import signed_text
from ostiary.receipts.sequencer import frontier
from ostiary.receipts.tree import Frontier, leaf_hash
from ostiary.receipts.verification import Workers, verify

__all__ = ["log"]

_TARGET = 200_000
_UNSEQUENCED = "SELECT 0, seq, x'', * FROM receipts WHERE seq > (SELECT max(seq) FROM tree_leaves) ORDER BY seq"


def log(rounds: int, count: int) -> list[Row]:
    """Receipts a second, from an opened house to the root: in one process, and with one for each core."""
    with temporary() as folder:
        house = new_house(folder)
        fill(house, file_of(house), count)
        _plant(house)
        rows = [_row(house, processes, max(3, rounds // 6)) for processes in sorted({1, len(os.sched_getaffinity(0))})]
        house.close()
    return rows


def _row(house: House, processes: int, rounds: int) -> Row:
    rates = [_rate(house, processes) for _ in range(rounds)]
    tell(f"log, {processes} processes: {', '.join(f'{rate:,.0f}' for rate in rates)} receipts a second")
    rate = statistics.median(rates)
    return Row(
        measure="log",
        name=f"tree verified from the rows, {processes} process{'es' if processes > 1 else ''}",
        value=f"{rate:,.0f} receipts a second",
        base=f"{_TARGET:,}",
        ratio=rate / _TARGET,
        low=min(rates) / _TARGET,
        high=max(rates) / _TARGET,
        target=1 if processes > 1 else 0,
        better="higher",
        rounds=rounds,
    )


def _rate(house: House, processes: int) -> float:
    began = time.perf_counter()
    url, keys = database_url(house.settings), public_keys(house.keyring)
    workers = Workers(processes)
    report = verify(url, house.scope, keys, signatures=False, workers=workers, progress=lambda *_: None)
    if report.finding is not None:
        raise RuntimeError(f"the log is not whole: {report.finding}")
    return report.size / (time.perf_counter() - began)


def _plant(house: House) -> None:
    """Give the receipts that were written past the ledger their leaves."""
    edge = house.vault.read_now(house.scope, frontier)
    with closing(sqlite3.connect(file_of(house))) as connection:
        connection.execute("PRAGMA synchronous=OFF").close()
        rows = connection.execute(_UNSEQUENCED)
        connection.executemany("INSERT INTO tree_leaves (leaf, seq, hashes) VALUES (?, ?, ?)", _leaves(edge, rows))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def _leaves(edge: Frontier, rows: sqlite3.Cursor) -> Iterator[tuple[int, int, bytes]]:
    for row in rows:
        place = edge.size
        yield place, row[1], edge.append(leaf_hash(leaf_bytes(signed_text(row), row[17])))
