"""What a refusal says in public."""

import msgspec

__all__ = ["Entry"]


class Entry(msgspec.Struct, frozen=True):
    """What a refusal says in public: HTTP status (RFC 9110), one sentence, and what to do next."""

    status: int
    message: str
    remedy: str
