"""The gateway's ear: follows the stream of session events, and knows until when that is enough to let anybody in."""

import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from examples.gateway.snapshots import Snapshots
from ostiary_client.device import Snapshot

STREAM = "gateway:session_events"
MOST, EMPTY = 128, "0-0"
_NAP_S = 0.05


def ticks() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Feed(threading.Thread):
    """Applies each entry to `snapshots`; `ended` is told which session was revoked, None when all may have been.

    The law is: **nobody is let in more than `bound` seconds after Redis took in their revocation.** A read that found
    the end of the stream has seen everything that was there when it was *sent*; for `bound` seconds from then on
    `trusted` holds. A reader that is stuck, cut off or far behind therefore lets nobody in.
    """

    def __init__(
        self,
        redis: Redis,
        snapshots: Snapshots,
        ended: Callable[[str | None], None],
        bound: float,
        stream: str = STREAM,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self._redis, self._snapshots, self._ended, self.bound, self._stream = redis, snapshots, ended, bound, stream
        self._last, self._until, self._away = "", 0.0, False

    @property
    def trusted(self) -> bool:
        """Tell whether what is known may be gone by at this moment."""
        return ticks() < self._until

    def run(self) -> None:
        """Follow for ever; whatever breaks, begin again from the last entry that was seen."""
        while True:
            try:
                self._resume()
                while True:
                    self._read()
            except RedisError as fault:
                if not self._away:
                    print(f"feed: {type(fault).__name__}, trying again until Redis is back", flush=True)
                self._away = True
                time.sleep(_NAP_S)

    def _resume(self) -> None:
        """Go on after the last entry seen; where that is gone, others may be: forget, and begin at the end."""
        if not self._last or not self._there(self._last):
            self._lose()
            newest = self._redis.xrevrange(self._stream, count=1)
            self._last = newest[0][0] if newest else EMPTY

    def _read(self) -> None:
        sent, before = ticks(), self._last
        told = self._redis.xread({self._stream: before}, MOST, block=int(self.bound * 250))
        if self._away:
            self._away = False
            print("feed: Redis is back", flush=True)
        entries = told[0][1] if told else []
        if not entries and before != EMPTY:
            self._resume()  # it may have been emptied, and have begun anew below us
        elif entries and not self._there(before):
            self._lose()  # it was trimmed past us, or is another one
        for self._last, fields in entries:
            self._take(fields)
        if len(entries) < MOST:
            self._until = sent + self.bound

    def _take(self, fields: dict[str, str]) -> None:
        try:
            told = Snapshot.of(fields)
        except ValueError:
            print(f"feed: the entry {self._last} is no snapshot, and may have told of any session", flush=True)
            self._lose()
            return
        if self._snapshots.apply(told):
            self._ended(told.device_session_id)

    def _there(self, entry: str) -> bool:
        return bool(self._redis.xrange(self._stream, entry, entry, count=1))

    def _lose(self) -> None:
        self._snapshots.forget()
        self._ended(None)
