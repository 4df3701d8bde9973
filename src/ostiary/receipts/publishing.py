"""Heads leave the machine: appended to a file, printed, posted to a webhook; at intervals while the log grows.

Of several workers one publishes at a time, and each goes on from where the last one got to: a file in the data folder
says so, under a lock that dies with its holder.
"""

import asyncio
import fcntl
import http.client
import os
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.receipts.heads import Head, signed_head, spell
from ostiary.receipts.model import LogSettings
from ostiary.receipts.sequencer import drain, waits
from ostiary.receipts.store import height
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault

__all__ = ["HeadPublisher", "sequence"]

_LOG = structlog.get_logger("ostiary.receipts")
_PATIENCE_S = 5
_ACCEPTED = range(200, 300)
_SIZES = struct.Struct("<QQQ")
_NAP_S = 0.02
_TURN_S = 10


async def sequence(vault: Vault, scope: Scope) -> None:
    """Take what waits into the tree (PostgreSQL; on SQLite nothing waits)."""
    while vault.dialect != "sqlite" and await vault.read(scope, waits):
        await vault.transact(scope, drain)


class HeadPublisher:
    """Publishes a head when the log has grown since the last. `say` prints one line, `notes` is the workers' file."""

    def __init__(
        self,
        vault: Vault,
        scope: Scope,
        keyring: Keyring,
        settings: LogSettings,
        say: Callable[[str], None],
        notes: Path,
    ) -> None:
        self._vault, self._scope, self._keyring = vault, scope, keyring
        self._settings, self._say, self._notes = settings, say, notes
        self._printed, self._filed, self._posted = 0, 0, 0

    async def publish(self) -> None:
        """Make a head and hand it to every place that has none of this size; a place that fails is tried next time."""
        try:
            async with _held(self._notes) as file:
                found = os.pread(file, _SIZES.size, 0)
                self._printed, self._filed, self._posted = _SIZES.unpack(found.ljust(_SIZES.size, b"\0"))
                try:
                    await self._publish()
                finally:
                    os.pwrite(file, _SIZES.pack(self._printed, self._filed, self._posted), 0)
        except OSError as fault:
            _LOG.warning("head_not_published", fault=str(fault))

    async def _publish(self) -> None:
        await sequence(self._vault, self._scope)
        size = await self._vault.read(self._scope, height)
        webhook, file = self._settings.head_webhook, self._settings.head_file
        behind = [self._printed, self._filed if file else size, self._posted if webhook else size]
        if all(done == size for done in behind):
            return
        head = await self._vault.read(self._scope, self._sign)
        line = spell(head)
        if self._printed != head.size and await _done("head_not_printed", self._say, f"head       {line}"):
            self._printed = head.size
        if file and self._filed != head.size and await _done("head_file_failed", _append, file, line):
            self._filed = head.size
        if webhook and self._posted != head.size and await _done("head_webhook_failed", _post, webhook, line):
            self._posted = head.size

    def _sign(self, tx: Tx) -> Head:
        return signed_head(tx, self._keyring)


@asynccontextmanager
async def _held(path: Path) -> AsyncIterator[int]:
    """Open a file and hold its lock. Raises TimeoutError (an OSError) where another worker keeps it for too long."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(round(_TURN_S / _NAP_S)):
            if _locked(file):
                break
            await asyncio.sleep(_NAP_S)
        else:
            raise TimeoutError("another worker has not finished: is it paused?")
        yield file
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _done(event: str, act: Callable[..., None], *arguments: object) -> bool:
    try:
        await asyncio.to_thread(act, *arguments)
    except (OSError, http.client.HTTPException) as fault:
        _LOG.warning(event, fault=str(fault))
        return False
    return True


def _append(path: Path, line: str) -> None:
    """Append one line, durably; a line that a full disk cut off earlier is ended first."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        end = os.lseek(file, 0, os.SEEK_END)
        torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
        whole = (b"\n" if torn else b"") + line.encode() + b"\n"
        if os.write(file, whole) != len(whole):
            raise OSError(f"only a part of the line fits into {path}")
        os.fsync(file)
    finally:
        os.close(file)


def _post(url: str, line: str) -> None:
    """POST one head as JSON. Raises OSError where the answer is not a 2xx; follows no redirect."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE_S)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, line.encode(), {"content-type": "application/json"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status not in _ACCEPTED:
        raise OSError(f"the webhook answered {status}")
