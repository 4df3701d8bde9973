"""Another process at the same database: `python -m tests.storage.worker saturate|commit|kills URL [ROUNDS]`."""

import asyncio
import itertools
import os
import random
import signal
import sys

from tests.storage.ground import SCOPE, Ground, add

CALLERS, CROWD = 32, 400
GROUP = 128
"""The most use cases in one group: a crowd keeps more than that waiting, so that a writer never rests."""


def saturate(url):
    """Let many callers commit without a pause; the first line says that it has begun."""
    said = []

    def tell(name):
        if not said:
            said.append(print("begun", flush=True))

    asyncio.run(busy(url, tell, CROWD))


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
    there = set(ground.things())
    halves = ground.look(
        "SELECT (SELECT count(*) FROM things WHERE id NOT IN (SELECT subject FROM receipts))"
        " + (SELECT count(*) FROM receipts WHERE subject NOT IN (SELECT id FROM things))"
    )
    print(len(acknowledged), len(acknowledged - there), halves[0][0], flush=True)


def killed(url, lines):
    """Start a writer, kill it when it has acknowledged that many, and return all that it acknowledged."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        asyncio.run(busy(url, lambda name: os.write(write, f"{name}\n".encode())))
    os.close(write)
    with os.fdopen(read, "rb") as out:
        seen = list(itertools.islice(out, lines))
        os.kill(pid, signal.SIGKILL)
        seen += out
    os.waitpid(pid, 0)
    return {line.decode().strip() for line in seen if line.endswith(b"\n")}


async def busy(url, tell, callers=CALLERS):
    """Many callers at once; each tells a name once it was told that it is durable."""
    vault = Ground(url).vault()

    async def caller(number):
        for turn in itertools.count():
            name = f"{os.getpid()}-{number}-{turn}"
            await vault.transact(SCOPE, add(name))
            tell(name)

    await asyncio.gather(*map(caller, range(callers)))


if __name__ == "__main__":
    what, url, *rest = sys.argv[1:]
    if what == "kills":
        kills(url, int(rest[0]))
    else:
        (saturate if what == "saturate" else commit)(url)
