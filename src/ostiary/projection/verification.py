"""The projection held against the truth: every difference by name, beside a server that goes on."""

from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum

import msgspec

from ostiary.projection.model import Entry, Held, Mirror, entry_of
from ostiary.projection.rebuilding import Told
from ostiary.projection.truth import Truth
from ostiary.sessions.device.model import DeviceSession

__all__ = ["Difference", "Fault", "Verification"]

_LOOKS = 3
"""How often a difference must be seen: between two looks, what changed meanwhile has come to both or bears a mark."""

_SLACK_MS = 5_000
"""By how much the clock of Redis may differ from ours where a session is about to go by itself."""


class Fault(StrEnum):
    """How a session stands otherwise than it should. NOTE: wire format (`projection verify --json`)."""

    MISSING = "missing"
    DIFFERENT = "different"
    EXPIRY = "expiry"
    UNKNOWN = "unknown"


class Difference(msgspec.Struct, frozen=True):
    """One session that stands otherwise: `should` and `stands` are what the truth says and what Redis has.

    Both are values of the session's key, "" for none, or for `expiry` milliseconds since 1970.
    """

    session: str
    fault: Fault
    should: str
    stands: str


class Verification:
    """Walks both sides once; `sessions` were looked at, `waiting` of them wait to be published."""

    def __init__(self, truth: Truth, mirror: Mirror, told: Told) -> None:
        self._truth, self._mirror, self._told = truth, mirror, told
        self.sessions = self.waiting = 0

    async def differences(self) -> AsyncGenerator[Difference, None]:
        """Yield every difference. Raises MirrorUnavailable, StoreUnavailable."""
        last = ""
        while last := (page := await self._truth.after(last)).last:
            for one in await self._of_known(page.sessions):
                yield one
            self.sessions += len(page.sessions)
            await self._told(self.sessions)
        cursor, seen = -1, set[str]()
        while cursor:
            cursor, held = await self._mirror.scan(max(cursor, 0))
            for one in await self._of_unknown([session for session in held if session not in seen]):
                seen.add(one.session)
                yield one

    async def _of_known(self, sessions: Sequence[DeviceSession]) -> list[Difference]:
        suspects, found = list(sessions), list[Difference]()
        for look in range(_LOOKS):
            held = await self._mirror.read([session.id for session in suspects])
            if look:
                suspects, held = await self._still(suspects, held)
            now = self._truth.clock()
            faults = [
                _fault(entry_of(session, now), stands, now) for session, stands in zip(suspects, held, strict=True)
            ]
            found = [fault for fault in faults if fault]
            suspects = [session for session, fault in zip(suspects, faults, strict=True) if fault]
            if not suspects:
                break
        return found

    async def _still(self, suspects: list[DeviceSession], held: list[Held]) -> tuple[list[DeviceSession], list[Held]]:
        """Return those that bear no mark, as the truth has them after Redis was read; count the others as waiting."""
        names = [session.id for session in suspects]
        marked, states = await self._marked(names), await self._truth.states(names)
        self.waiting += len(marked)
        kept = [(states[name], one) for name, one in zip(names, held, strict=True) if name in states.keys() - marked]
        return [session for session, _ in kept], [one for _, one in kept]

    async def _marked(self, sessions: Sequence[str]) -> set[str]:
        return {mark.session for mark, _ in await self._truth.waiting_of(sessions)}

    async def _of_unknown(self, sessions: Sequence[str]) -> list[Difference]:
        known = await self._truth.states(sessions)
        suspects = [session for session in sessions if session not in known]
        if not suspects:
            return []
        held, marked = await self._mirror.read(suspects), await self._marked(suspects)
        self.waiting += len(marked)
        return [
            Difference(session, Fault.UNKNOWN, "", _text(one))
            for session, one in zip(suspects, held, strict=True)
            if one.record is not None and session not in marked
        ]


def _fault(entry: Entry, held: Held, now: int) -> Difference | None:
    """Return how one session stands otherwise; what goes by itself about now may be there or not."""
    if held.record is None:
        going = 0 < entry.until <= (now // 1000) + _SLACK_MS
        return None if going else Difference(entry.session, Fault.MISSING, entry.record.decode(), "")
    if held.record != entry.record:
        return Difference(entry.session, Fault.DIFFERENT, entry.record.decode(), _text(held))
    if held.until != entry.until:
        return Difference(entry.session, Fault.EXPIRY, str(entry.until), str(held.until))
    return None


def _text(held: Held) -> str:
    return (held.record or b"").decode("utf-8", "backslashreplace")
