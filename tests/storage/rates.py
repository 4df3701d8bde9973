"""What a durable session issue costs: `python -m tests.storage.rates sqlite|postgres [ROUNDS]`.

One issue is the set of ruling 48: consume a presence row, insert a session, sign and insert its receipt, insert
an outbox row. 32 callers on uvloop; candidates take turns in each round; ratios are per round.
"""

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.method import compared, interleaved
from ostiary.kernel.ids import new_id
from ostiary.kernel.values import SYSTEM, Event, EventName
from ostiary.presence.store import add_presence, consume_presence
from ostiary.sessions import store
from ostiary.sessions.model import Session
from ostiary.storage import schema
from ostiary.storage.outbox import ADD_CHANGE
from tests.storage.ground import SCOPE, Ground, postgres_database

CALLERS, ISSUES = 32, 1500
NUMBERS = itertools.count()
BOUND = {"person_id": "p", "session_id": "s", "purpose": "issue", "subject": "x"}


def prove(names):
    """A use case that makes the presence rows that are consumed."""

    def use_case(tx):
        for name in names:
            add_presence(tx, id=name, **BOUND, factor="passkey", user_verified=1, expires_at=tx.now + 10**12)
        tx.emit(Event(EventName.PRESENCE_PROVE, SYSTEM, "x"))

    return use_case


def issue(name):
    def use_case(tx):
        assert consume_presence(tx, name, wanted="issue", about="x", person="p", session="s")
        made = Session(
            id=new_id("ses", tx.secrets),
            tenant=tx.scope.tenant,
            kind="browser",
            person="p",
            key="sk-1",
            factor="passkey",
            binding="pk-1",
            created_at=tx.now,
            absolute_expires_at=tx.now + 10**12,
            last_seen_at=tx.now,
            csrf_hash="c" * 64,
            csrf_epoch=1,
            address_hash="a" * 64,
            agent_hash="g" * 64,
            label_sealed=bytes(60),
            ended_at=0,
            end_reason="",
        )
        store.add(tx, made, new_id("att", tx.secrets))
        tx.emit(Event(EventName.SESSION_OPEN, SYSTEM, made.id))
        tx.do(ADD_CHANGE, tenant_id=tx.scope.tenant, kind="opened", subject=made.id, at=tx.now)

    return use_case


def fresh(vault):
    names = [f"prs-{next(NUMBERS)}" for _ in range(ISSUES)]
    vault.transact_now(SCOPE, prove(names))
    return names


def grouped(vault):
    """ISSUES issues by 32 callers of one loop."""

    async def callers(names):
        async def caller():
            while names:
                await vault.transact(SCOPE, issue(names.pop()))

        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    def run():
        names = fresh(vault)
        return measured(lambda: uvloop.run(callers(names)))

    return run


def singly(vault, threads):
    """The same by so many threads, each issue a transaction and a commit of its own."""

    def run():
        names = fresh(vault)
        with ThreadPoolExecutor(threads) as pool:
            return measured(lambda: list(pool.map(lambda name: vault.transact_now(SCOPE, issue(name)), names)))

    return run


def measured(work):
    """Seconds that pass, and seconds of CPU of this process per issue."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, (time.process_time() - used) / ISSUES


def signature():
    """Seconds of CPU for one Ed25519 signature."""
    key, message = Ed25519PrivateKey.generate(), bytes(400)
    used = time.process_time()
    for _ in range(200):
        key.sign(message)
    return (time.process_time() - used) / 200


@contextmanager
def sqlite():
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        grounds = {name: Ground(f"sqlite:///{folder}/{name}.db") for name in ("FULL", "OFF", "each")}
        for ground in grounds.values():
            schema.upgrade(ground.url)
        yield {
            "grouped, FULL": grouped(grounds["FULL"].vault()),
            "grouped, OFF": grouped(grounds["OFF"].vault(synchronous="OFF")),
            "a commit each, FULL": singly(grounds["each"].vault(), 1),
        }
        for ground in grounds.values():
            ground.close()


@contextmanager
def postgres():
    with postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"]) as url, closing(Ground(url)) as ground:
        schema.upgrade(schema.sqlalchemy_url(url))
        yield {
            "grouped, 1 writer": grouped(ground.vault(writers=1)),
            "grouped, 2 writers": grouped(ground.vault(writers=2)),
            "a commit each, 8 threads": singly(ground.vault(), 8),
        }


def main(database, rounds="15"):
    with {"sqlite": sqlite, "postgres": postgres}[database]() as candidates:
        for run in candidates.values():
            run()  # warm
        cpu = {name: [] for name in candidates}
        counted = {name: counting(name, run, cpu) for name, run in candidates.items()}
        costs = interleaved(database, counted | {"one signature": signature}, int(rounds))
    first, *others = candidates
    for name in candidates:
        rate = ISSUES / statistics.median(costs[name])
        own = statistics.median(cpu[name])
        ratio = statistics.median(a / b for a, b in zip(cpu[name], costs["one signature"], strict=True))
        print(f"{name}: {rate:,.0f}/s, {own * 1e6:,.0f} µs of CPU here, {ratio:.1f} x one signature")
    for other in others:
        row = compared("issues", first, (costs[other], costs[first]), unit="s", base=other)
        print(
            f"rate of {first} / rate of {other}: {row.ratio:.2f} ({row.low:.2f} to {row.high:.2f}), {row.rounds} rounds"
        )


def counting(name, run, cpu):
    def counted():
        seconds, used = run()
        cpu[name].append(used)
        return seconds

    return counted


if __name__ == "__main__":
    main(*sys.argv[1:])
