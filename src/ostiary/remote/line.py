"""A line to a service elsewhere: one exchange at a time, and nothing is heard on it between two."""

import asyncio
from ssl import SSLContext
from typing import cast

from ostiary.remote.model import Answer
from ostiary.remote.wire import Reading

__all__ = ["Line", "connected"]


class Line(asyncio.Protocol):
    """One connection. What comes while nobody asks ends it: it could be taken for the answer to the next question."""

    def __init__(self) -> None:
        self.heard = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reading: Reading | None = None
        self._awaited: asyncio.Future[Answer] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def usable(self) -> bool:
        """Tell whether it can carry an exchange."""
        return self._transport is not None and not (self._loop.is_closed() or self._transport.is_closing())

    async def exchange(self, request: bytes) -> Answer:
        """Send one request and return the answer. Raises ConnectionError where the line breaks, ValueError for junk."""
        if self._transport is None or not self.usable:
            raise ConnectionResetError("the line is gone")
        reading = self._reading = Reading()
        awaited: asyncio.Future[Answer] = self._loop.create_future()
        self._awaited = awaited
        self.heard = False
        try:
            self._transport.write(request)
            return await awaited
        finally:
            self._reading = self._awaited = None
            if not reading.reusable:
                self.close()

    def park(self, idle: float) -> None:
        """Keep it for the next question, for so many seconds."""
        self._expiry = self._loop.call_later(idle, self.close)

    def unpark(self) -> None:
        """Take it into use."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def close(self) -> None:
        """Let go of it at once; a loop that is closed has let go of it already."""
        self.unpark()
        if self._transport is not None and not self._loop.is_closed():
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # no question: uvloop's transports are no subclass of it

    def data_received(self, data: bytes) -> None:
        self.heard = True
        if self._reading is None:
            self.close()
            return
        self._read(data)

    def eof_received(self) -> bool:
        self._read(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(ConnectionResetError("the line broke"))
        self.unpark()

    def _read(self, data: bytes | None) -> None:
        """Read on, None for the end."""
        if self._reading is None or self._awaited is None or self._awaited.done():
            return
        try:
            self._reading.end() if data is None else self._reading.feed(data)
        except ValueError as fault:
            # An end before the first byte is a line that was given up, not a bad answer.
            self._awaited.set_exception(fault if self.heard else ConnectionResetError("the line was closed"))
            return
        if self._reading.answer is not None:
            self._awaited.set_result(self._reading.answer)


async def connected(host: str, port: int, tls: SSLContext | None) -> Line:
    """Open a line. Raises OSError, and ssl.SSLError for a certificate that does not hold."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(Line, host, port, ssl=tls)
    return line
