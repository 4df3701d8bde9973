"""What the pages are asked and show, as plain values: the server fills them, the templates only print them."""

import msgspec

__all__ = ["PasskeyRow", "PresenceAsked", "SessionRow"]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One living session of the person who is looking. Times are RFC 3339 in UTC."""

    id: str
    label: str
    current: bool
    factor_text: str
    created_at: str
    last_seen_at: str
    expires_at: str


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
