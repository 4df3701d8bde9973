"""The projection in Redis or Valkey, on one node or in one slot of a cluster.

Imported by name where a Redis is set: the driver costs others a tenth of their start.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ostiary.kernel.clock import SECOND
from ostiary.projection.model import About, Entry, Held, MirrorUnavailable, ProjectionSettings, Written
from ostiary.projection.script import DECLARE, READ, REMOVE, WRITE
from ostiary.remote.secret import read_secret

__all__ = ["RedisMirror"]

_AT_ONCE = 100
"""Sessions in one run of a script: Redis serves nobody else meanwhile, for about a millisecond."""

_BYTES = "surrogateescape"
"""Who can write to Redis can put a name there that is no text; it is found and removed like others."""

_WORDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    ((TimeoutError, exceptions.TimeoutError), "timeout"),
    (exceptions.AuthenticationError, "sign_in"),
    (exceptions.NoPermissionError, "permission"),
    (exceptions.BusyLoadingError, "loading"),
    (exceptions.ReadOnlyError, "read_only"),
    (exceptions.OutOfMemoryError, "full"),
    ((exceptions.AskError, exceptions.ClusterCrossSlotError), "cluster"),
    ((exceptions.ClusterError, exceptions.RedisClusterException), "cluster_down"),
    ((exceptions.ConnectionError, OSError), "unreachable"),
    (exceptions.RedisError, "refused"),
)
"""What a fault means; the first that fits. What Redis said stays out: it may repeat what it was sent."""


class RedisMirror:
    """See `projection.model.Mirror`. Reads the password at once: raises BootRefused where it cannot."""

    def __init__(self, settings: ProjectionSettings) -> None:
        self._settings, self._timeout = settings, settings.timeout / SECOND
        self._client: Any = _client(settings)
        self._stream = f"{settings.prefix}session_events"
        self._sessions = f"{settings.prefix}session:"
        self._whole, self._claimed = f"{settings.prefix}projection:whole", f"{settings.prefix}projection:rebuilding"

    async def write(self, entries: Sequence[Entry]) -> Written:
        changed, kept = 0, list[str]()
        for start in range(0, len(entries), _AT_ONCE):
            part = entries[start : start + _AT_ONCE]
            arguments = [argument for entry in part for argument in (entry.record, entry.until)]
            sessions = [entry.session for entry in part]
            count, *places = await self._run(WRITE, sessions, self._settings.maxlen, *arguments)
            changed += count
            kept += [sessions[place - 1] for place in places]
        return Written(changed, tuple(kept))

    async def remove(self, sessions: Sequence[str], now: int) -> int:
        gone = 0
        for start in range(0, len(sessions), _AT_ONCE):
            part = sessions[start : start + _AT_ONCE]
            gone += await self._run(REMOVE, part, self._settings.maxlen, now // 1000, *map(_told, part))
        return gone

    async def read(self, sessions: Sequence[str]) -> list[Held]:
        found: list[Held] = []
        for start in range(0, len(sessions), _AT_ONCE):
            answer = await self._run(READ, sessions[start : start + _AT_ONCE])
            found += [Held(record, max(0, until)) for record, until in zip(answer[::2], answer[1::2], strict=True)]
        return found

    async def scan(self, cursor: int) -> tuple[int, list[str]]:
        async with self._bounded():
            given = ("SCAN", cursor, "MATCH", f"{self._sessions}*", "COUNT", 1000)
            after, keys = await self._client.execute_command(*given, **await self._place())
        place = after if isinstance(after, int) else next(iter(after.values()))  # a cluster names the node too
        return place, [key.decode("utf-8", _BYTES).removeprefix(self._sessions) for key in keys]

    async def about(self) -> About:
        async with self._bounded():
            told = await self._client.execute_command("INFO", "server", **await self._place())
            whole, events = await self._client.get(self._whole), await self._client.xlen(self._stream)
        version = f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"
        return About(version, str(told.get("run_id", "")), (whole or b"").decode(), events)

    async def claim(self, who: str, life: int) -> bool:
        async with self._bounded():
            if await self._client.set(self._claimed, who, nx=True, px=life):
                return True
        return await self.keep(who, life)

    async def keep(self, who: str, life: int) -> bool:
        async with self._bounded():
            mine = await self._client.get(self._claimed) == who.encode()
            return mine and bool(await self._client.pexpire(self._claimed, life))

    async def declare(self, run: str, who: str) -> bool:
        async with self._bounded():
            return bool(await self._client.eval(DECLARE, 2, self._claimed, self._whole, who, run))

    async def close(self) -> None:
        await self._client.aclose()

    async def _run(self, script: str, sessions: Sequence[str], *arguments: object) -> Any:  # noqa: ANN401 - a script's own answer
        keys = [self._stream, *(_raw(f"{self._sessions}{session}") for session in sessions)]
        async with self._bounded():
            try:
                return await self._client.evalsha(_name(script), len(keys), *keys, *arguments)
            except exceptions.NoScriptError:  # Redis was started anew, or told to forget scripts
                return await self._client.eval(script, len(keys), *keys, *arguments)

    async def _place(self) -> dict[str, object]:
        """Return on which node of a cluster the projection stands, as the driver wants it."""
        if not self._settings.cluster:
            return {}
        await self._client.initialize()
        return {"target_nodes": self._client.get_node_from_key(self._stream)}

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except (OSError, exceptions.RedisError, exceptions.RedisClusterException) as fault:
            raise MirrorUnavailable(_word(fault)) from None


def _client(settings: ProjectionSettings) -> "Redis | RedisCluster":
    host, port = settings.addr or ("", 0)
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "username": settings.username or None,
        "password": settings.password or read_secret(settings.password_file) or None,
        "socket_timeout": settings.timeout / SECOND,
        "socket_connect_timeout": settings.timeout / SECOND,
        "retry": Retry(NoBackoff(), 1),  # an idle connection may have died unseen: every step may be done twice
        "protocol": 2,
        "driver_info": None,
        "client_name": "ostiary",
        "ssl": settings.tls,
    }
    if settings.tls:
        given |= {"ssl_ca_certs": settings.ca_file and str(settings.ca_file), "ssl_min_version": ssl.TLSVersion.TLSv1_2}
    return RedisCluster(**given) if settings.cluster else Redis(**given, db=settings.db)


def _raw(key: str) -> bytes:
    return key.encode("utf-8", _BYTES)


def _told(session: str) -> str:
    """Return the name under which whoever follows the stream may know a session; what is no text has none."""
    return session if session.isprintable() else ""


def _name(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


def _word(fault: Exception) -> str:
    if isinstance(fault.__cause__ or fault.__context__, ssl.SSLError):
        return "tls"
    if isinstance(fault, exceptions.ResponseError) and "WRONGTYPE" in str(fault):
        return "foreign_key"
    return next((word for kinds, word in _WORDS if isinstance(fault, kinds)), "refused")
