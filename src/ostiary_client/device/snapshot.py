"""A session as the projection tells of it, whole: the value of its key, or one entry of the stream."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Snapshot"]

_FIELDS = ("device_session_id", "user_id", "client_public_key", "status")


@dataclass(frozen=True)
class Snapshot:
    """One session. Only `status` "active" lives; whatever else it says, the session is refused."""

    device_session_id: str
    user_id: str
    client_public_key: str
    status: str

    @property
    def active(self) -> bool:
        """Tell whether the session lives."""
        return self.status == "active"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Snapshot":
        """Read the fields of a stream's entry; more than are known are let be. Raises ValueError."""
        values = [told.get(name) for name in _FIELDS]
        if not all(isinstance(value, str) and value for value in values):
            raise ValueError("not a snapshot of a session")
        return cls(*map(str, values))

    @classmethod
    def read(cls, raw: bytes | str) -> "Snapshot":
        """Read the value of a session's key. Raises ValueError."""
        try:
            told = json.loads(raw)
        except RecursionError:
            told = None
        if not isinstance(told, dict):
            raise ValueError("not a snapshot of a session")  # noqa: TRY004 - whatever is wrong with what came is a ValueError
        return cls.of(told)
