"""The projection: from a commit to the stream's entry and to a gateway, and how fast all of it is made anew.

Beside a Redis of our own, and beside what Redis itself does in the same minutes: one MULTI of SET and XADD by the same
driver for the delays, and pipelines of such pairs, a hundred sessions each, for the rebuild.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_bytes

import msgspec
import structlog
import uvloop
from redis.asyncio import Redis

from bench.method import QUICK, Row, compared, pick, tell
from bench.server import file_of, new_house, temporary
from ostiary.house import House
from ostiary.kernel.ids import b64url, system_secrets
from ostiary.kernel.values import SYSTEM
from ostiary.projection.model import Entry, ProjectionSettings, entry_of
from ostiary.projection.publisher import Publisher
from ostiary.projection.rebuilding import fill
from ostiary.projection.redis import RedisMirror
from ostiary.projection.truth import Truth
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Act, Actor, DeviceSession, Reason
from ostiary.sessions.device.store import device_sessions
from tests.rigs.redises import RedisServer, redis_server

__all__ = ["projection"]

_KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
_ACT = Act(SYSTEM, Actor("system"), Reason.ADMIN_REVOKE)
_ENTRY_MS, _LEARNS_MS, _RATE = 10, 20, 20_000
_A_ROUND, _AT_ONCE = 50, 100


class _Delays(msgspec.Struct):
    """Milliseconds: until the entry stands, until a gateway has it, and what Redis takes for one pair."""

    entry: list[float] = []
    learns: list[float] = []
    floor: list[float] = []


def projection(rounds: int, count: int) -> list[Row]:
    """Delays against their targets and against Redis; rebuilt sessions a second against Redis' own pipelines."""
    count = count // 10 if rounds <= QUICK else count
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the table has standard output
    with temporary() as folder, redis_server() as server, _house(folder) as house:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            delays = runner.run(_delays(house, server, rounds))
        _plant(house, count)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rates = runner.run(_rebuilds(house, server, count, max(3, rounds // 10)))
    return [
        *_late("commit to stream entry", delays.entry, delays.floor, _ENTRY_MS),
        *_late("commit to a gateway that learns of a revocation", delays.learns, delays.floor, _LEARNS_MS),
        *_fast(rates, count),
    ]


def _late(name: str, mine: Sequence[float], floor: Sequence[float], target: float) -> list[Row]:
    rows = []
    for share in (0.5, 0.99):
        value, base = pick(mine, share), pick(floor, share)
        given = {"measure": "projection", "value": f"{value:.2f} ms", "rounds": len(mine)}
        if share == 0.99:
            ratio = value / target
            met = {"base": f"target: {target} ms", "ratio": ratio, "low": ratio, "high": ratio, "target": 1}
            rows.append(Row(name=f"{name}, p99", **met, **given))
        over = f"MULTI of SET and XADD: {base:.2f} ms"
        ratio = value / base
        rows.append(Row(name=f"{name}, p{share * 100:.0f}", base=over, ratio=ratio, low=ratio, high=ratio, **given))
    return rows


def _fast(rates: dict[str, list[float]], count: int) -> list[Row]:
    given = {"unit": "a second", "better": "higher"}
    target = [float(_RATE)] * len(rates["rebuild"])
    name, over = f"{count:,} sessions rebuilt, SQLite", "pipelines of SET and XADD"
    return [
        compared("projection", name, (rates["rebuild"], target), base="target", target=1, **given),
        compared("projection", name, (rates["rebuild"], rates["pipeline"]), base=over, **given),
        compared("projection", f"{name}, nothing to change", (rates["again"], rates["pipeline"]), base=over, **given),
    ]


@contextmanager
def _house(folder: Path) -> Iterator[House]:
    made = new_house(folder)
    try:
        yield made
    finally:
        made.close()


async def _delays(house: House, server: RedisServer, rounds: int) -> _Delays:
    """Open and revoke sessions one after another, as request handlers do, with the follower beside."""
    found, stop = _Delays(), asyncio.Event()
    publisher = Publisher(house.vault, house.scope, house.clock, system_secrets, _mirror(server), _mirror(server))
    following = asyncio.create_task(publisher.follow(stop))
    client = Redis(port=server.port, protocol=2)
    try:
        for number in range(rounds):
            with _gateway(server, 2 * _A_ROUND) as came:
                commits = await _round(house, publisher, found, number)
            found.learns += [(came[name] - at) / 1e6 for name, at in commits.items() if name.endswith("revoked")]
            found.floor += [await _pair(client) for _ in range(2 * _A_ROUND)]
            tell(f"projection: round {number + 1} of {rounds}") if number % 5 == 4 else None
    finally:
        stop.set()
        await following
        await client.aclose()
    return found


async def _round(house: House, publisher: Publisher, found: _Delays, number: int) -> dict[str, int]:
    """Return when each change was committed, by session and status."""
    commits: dict[str, int] = {}
    for place in range(_A_ROUND):
        opening = devices.Opening(f"user-{number}-{place}", _KEY, f"challenge-{number}-{place}")
        opened = await house.vault.transact(house.scope, lambda tx, it=opening: devices.open_session(tx, SYSTEM, it))
        commits[f"{opened.id} active"] = await _published(publisher, opened.id, found)
        await house.vault.transact(house.scope, lambda tx, it=opened.id: devices.revoke(tx, _ACT, it))
        commits[f"{opened.id} revoked"] = await _published(publisher, opened.id, found)
    return commits


async def _published(publisher: Publisher, session: str, found: _Delays) -> int:
    committed = time.monotonic_ns()
    if not await publisher.publish([session]):
        raise RuntimeError("Redis did not take it")
    found.entry.append((time.monotonic_ns() - committed) / 1e6)
    return committed


async def _pair(client: Redis) -> float:
    """Return milliseconds of one MULTI with a value and an event of the same size."""
    entry, began = _entry("dev-floor"), time.monotonic_ns()
    async with client.pipeline(transaction=True) as pipe:
        pipe.set("floor:session:dev-floor", entry.record)
        pipe.xadd("floor:events", json.loads(entry.record), maxlen=100_000)
        await pipe.execute()
    return (time.monotonic_ns() - began) / 1e6


@contextmanager
def _gateway(server: RedisServer, count: int) -> Iterator[dict[str, int]]:
    """Let a gateway follow during the block; afterwards the dictionary holds when it learned what."""
    words = [sys.executable, "-m", "bench.follower", str(server.port), "gateway:session_events", str(count)]
    came: dict[str, int] = {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("the gateway did not start")
        try:
            yield came
            came |= json.loads(process.stdout.readline())
        finally:
            with suppress(ProcessLookupError):
                process.terminate()


def _plant(house: House, count: int) -> None:
    """Add so many sessions of as many people, one in ten of them revoked."""
    now, names = house.clock(), [column.name for column in device_sessions.columns]
    row: dict[str, object] = dict.fromkeys(names, "") | {"tenant_id": house.scope.tenant, "client_public_key": _KEY}
    row |= {"created_at": now, "expires_at": 0}

    def rows() -> Iterator[list[object]]:
        for number, tail in enumerate(sorted(b64url(token_bytes(16)) for _ in range(count))):
            row["id"], row["person_id"], row["challenge_id"] = f"dev-{tail}", f"user-{tail}", f"challenge-{tail}"
            row["revoked_at"] = 0 if number % 10 else now
            yield [row[name] for name in names]

    connection = sqlite3.connect(file_of(house), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN IMMEDIATE")
    added = f"INSERT INTO device_sessions ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection.executemany(added, rows())
    connection.execute("COMMIT")
    connection.close()
    tell(f"{count:,} device sessions written")


async def _rebuilds(house: House, server: RedisServer, count: int, rounds: int) -> dict[str, list[float]]:
    """Rebuild an empty Redis, and let Redis take as many pairs in pipelines, in turn; sessions a second."""
    rates: dict[str, list[float]] = {"rebuild": [], "again": [], "pipeline": []}
    mirror, client = _mirror(server), Redis(port=server.port, protocol=2)
    truth = Truth(house.vault, house.scope, house.clock)
    for _ in range(rounds):
        for name, rate in rates.items():
            if name != "again":
                await client.flushall()
            began = time.perf_counter()
            await (_pipelines(client, count) if name == "pipeline" else fill(truth, mirror, _silent))
            rate.append(count / (time.perf_counter() - began))
        told = ", ".join(f"{name} {rate[-1]:,.0f}" for name, rate in rates.items())
        tell(f"projection: {told} sessions a second")
    await mirror.close()
    await client.aclose()
    return rates


async def _silent(_: int) -> None:
    """Tell nobody how far it got."""


async def _pipelines(client: Redis, many: int) -> None:
    """Send the same number of pairs, without reading any truth and without asking what stands there."""
    entry = _entry("dev-floor-floor-floor-floor")
    told = json.loads(entry.record)
    for start in range(0, many, _AT_ONCE):
        async with client.pipeline(transaction=False) as pipe:
            for number in range(start, min(many, start + _AT_ONCE)):
                pipe.set(f"gateway:session:{number:026}", entry.record)
                pipe.xadd("gateway:session_events", told, maxlen=100_000)
            await pipe.execute()


def _entry(name: str) -> Entry:
    return entry_of(DeviceSession(name, "default", "user-floor-floor-floor-floo", _KEY, "challenge", 1), 1)


def _mirror(server: RedisServer) -> RedisMirror:
    return RedisMirror(ProjectionSettings(addr=("127.0.0.1", server.port), timeout=5_000_000))
