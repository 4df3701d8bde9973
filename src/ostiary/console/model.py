"""What the pages are asked and show, as plain values: the server fills them, the templates only print them."""

from typing import Protocol

import msgspec

from ostiary.sessions.model import Living

__all__ = ["PasskeyRow", "PresenceAsked", "SessionRow", "Ways"]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One living session of the person who is looking. Times are RFC 3339 in UTC, None where none is known."""

    id: str
    label: str
    handheld: bool
    current: bool
    factor_text: str
    created_at: str
    last_seen_at: str | None
    expires_at: str | None


class PasskeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One passkey of the person who is looking. Times are RFC 3339 in UTC, None where it never happened."""

    id: str
    label: str
    created_at: str
    last_used_at: str | None
    synced: bool


class PresenceAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of the page that asks for presence: what for, and where the person goes afterwards."""

    purpose: str
    return_to: str
    operation: str = ""
    says: str = ""


class Ways(Protocol):
    """The ways from the sign-in page to the pages of services. Handed in by app; the console knows no service."""

    async def known(self, text: str) -> bool:
        """Tell whether an address is a page that people may be sent back to."""

    async def onward(self, text: str, browser: str, session: Living) -> str:
        """Return where somebody who is signed in goes next on the way to a known address."""
