"""The check over HTTP, warm and with a store read, against a fixed answer of the same process."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench import rows
from bench.load import Load, request
from bench.method import Row, compared, interleaved, tell
from bench.server import Server, serving
from ostiary.house import House

__all__ = ["check", "flat"]

_SESSIONS, _CACHED = 20_000, 10_000
_FEW, _MANY = 1_000, 1_000_000


def check(rounds: int, count: int) -> list[Row]:
    """Warm: 10,000 cookies in turn. Miss: 20,000 in turn, with room for half of them, so every check reads a row."""
    with serving(lambda house, path: rows.cookies(house, rows.fill(house, path, _SESSIONS)), _CACHED) as (
        server,
        cookies,
    ):
        base = Load(server.fixed, [request(server.fixed, one) for one in cookies[:_CACHED]])
        load = Load(server.check, [request(server.check, one) for one in cookies[:_CACHED]])
        warm(server, load, base)
        name = f"{_CACHED:,} cookies in turn"
        found = [_against(server, "check, warm", name, (load, base), rounds, count, 1.15)]
        load.use([request(server.check, one) for one in cookies])
        load.connect()
        load.send(_SESSIONS)
        name = f"{_SESSIONS:,} cookies in turn, room for {_CACHED:,}"
        found.append(_against(server, "check, store read", name, (load, base), rounds, count, 2.0))
        return found


def flat(rounds: int, count: int) -> list[Row]:
    """A million sessions against a thousand, a thousand cookies of each: warm, and with room for half of them."""
    return [
        _flat("check, warm, 10^6 sessions", _FEW, rounds, count),
        _flat("check, store read, 10^6 sessions", _FEW // 2, rounds, count),
    ]


def _flat(measure: str, cached: int, rounds: int, count: int) -> Row:
    def some(total: int) -> Callable[[House, Path], list[str]]:
        def make(house: House, path: Path) -> list[str]:
            ids = rows.fill(house, path, total)
            return rows.cookies(house, ids[:: total // _FEW])

        return make

    with serving(some(_FEW), cached) as (few, known), serving(some(_MANY), cached) as (many, others):
        loads = {
            server: Load(server.check, [request(server.check, one) for one in cookies])
            for server, cookies in ((few, known), (many, others))
        }
        for load in loads.values():
            load.connect()
            load.send(2 * _FEW)
        costs = interleaved(
            measure,
            {name: server.cost(loads[server], count) for name, server in (("10^6", many), ("10^3", few))},
            rounds,
        )
    name = f"{_FEW:,} cookies in turn, room for {cached:,}"
    return compared(measure, name, (costs["10^6"], costs["10^3"]), unit="µs CPU", base="10^3 sessions", target=1.2)


def warm(server: Server, load: Load, base: Load) -> None:
    """Fill the cache and let everything run a moment."""
    load.connect()
    load.send(_CACHED)
    tell(f"warm: {server.cost(load, _CACHED)():.0f} µs a check, {server.cost(base, _CACHED)():.0f} µs a fixed answer")


def _against(
    server: Server, measure: str, name: str, loads: Sequence[Load], rounds: int, count: int, target: float
) -> Row:
    load, base = loads
    costs = interleaved(measure, {"check": server.cost(load, count), "fixed": server.cost(base, count)}, rounds)
    return compared(measure, name, (costs["check"], costs["fixed"]), unit="µs CPU", base="fixed answer", target=target)
