"""The check over HTTP, warm and with a store read, against a fixed answer of the same process."""

from collections.abc import Sequence

from bench import rows
from bench.load import Load, request
from bench.method import Row, compared, interleaved, tell
from bench.server import Server, serving

__all__ = ["check"]

_SESSIONS, _CACHED = 20_000, 10_000


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
