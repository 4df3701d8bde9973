"""Another process at the same database: `python -m tests.storage.worker saturate|commit|kills URL [ROUNDS]`."""

import asyncio
import itertools
import os
import random
import signal
import sys

from tests.storage.ground import SCOPE, Ground, add

CALLERS = 32


def saturate(url):
    """Commit without a pause, a group each; the first line says that it has begun."""
    vault = Ground(url).vault()
    for number in itertools.count():
        vault.transact_now(SCOPE, add(f"w{number}"))
        if number == 0:
            print("begun", flush=True)


def commit(url):
    """Commit once for each line on standard input, and say so."""
    vault = Ground(url).vault()
    for line in sys.stdin:
        vault.transact_now(SCOPE, add(line.strip()))
        print("committed", flush=True)
    vault.close()


def kills(url, rounds):
    """Kill a busy writer again and again; print what was acknowledged, what is there, and what is half there."""
    acknowledged = set()
    for _ in range(rounds):
        acknowledged |= killed(url, random.randrange(1, 400))
    ground = Ground(url)
    there = set(ground.tenants())
    halves = ground.look(
        "SELECT (SELECT count(*) FROM tenants WHERE id NOT IN (SELECT subject FROM receipts))"
        " + (SELECT count(*) FROM receipts WHERE subject NOT IN (SELECT id FROM tenants))"
    )
    print(len(acknowledged), len(acknowledged - there), halves[0][0], flush=True)


def killed(url, lines):
    """Start a writer, kill it when it has acknowledged that many, and return all that it acknowledged."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        asyncio.run(busy(url, write))
    os.close(write)
    with os.fdopen(read, "rb") as out:
        seen = list(itertools.islice(out, lines))
        os.kill(pid, signal.SIGKILL)
        seen += out
    os.waitpid(pid, 0)
    return {line.decode().strip() for line in seen if line.endswith(b"\n")}


async def busy(url, out):
    """Many callers at once; each writes a name down once it was told that it is durable."""
    vault = Ground(url).vault()

    async def caller(number):
        for turn in itertools.count():
            name = f"{os.getpid()}-{number}-{turn}"
            await vault.transact(SCOPE, add(name))
            os.write(out, f"{name}\n".encode())

    await asyncio.gather(*map(caller, range(CALLERS)))


if __name__ == "__main__":
    what, url, *rest = sys.argv[1:]
    {"saturate": saturate, "commit": commit, "kills": kills}[what](url, *map(int, rest))
