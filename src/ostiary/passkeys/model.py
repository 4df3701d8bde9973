"""Values of passkeys: the stored binding of a person to a public key."""

from enum import StrEnum

import msgspec

from ostiary.passkeys.ceremony import Stored

__all__ = ["LABEL_LONGEST", "Facts", "Hold", "Passkey"]

LABEL_LONGEST = 64


class Hold(StrEnum):
    """Why a passkey signs nobody in, "" where it does.

    A recovery holds the new one back until it is executed (`replacement`) and sets the old ones aside (`quarantined`:
    good for contesting it, and for nothing else). What a contest turns out stays `barred`.
    """

    NONE = ""
    REPLACEMENT = "replacement"
    QUARANTINED = "quarantined"
    BARRED = "barred"


class Passkey(msgspec.Struct, frozen=True):
    """A registered public key, known by the hash of its credential id; the raw id is kept nowhere.

    Times are microseconds since 1970; `last_used_at` and `removed_at` are 0 where it did not happen.
    `held_by` is the recovery that holds it, or "".
    """

    id: str
    person: str
    algorithm: int
    public_key: bytes
    sign_count: int
    backup_eligible: int
    backed_up: int
    label_sealed: bytes
    created_at: int
    last_used_at: int
    removed_at: int
    hold: str = Hold.NONE.value
    held_by: str = ""

    @property
    def stored(self) -> Stored:
        """What the verifier needs."""
        return Stored(
            algorithm=self.algorithm,
            public_key=self.public_key,
            sign_count=self.sign_count,
            backup_eligible=bool(self.backup_eligible),
            backed_up=bool(self.backed_up),
        )


class Facts(msgspec.Struct, frozen=True):
    """What a passkey was bound to at the membrane: relying party, origin, attachment, whether copies are allowed.

    `imported` tells that no ceremony of ours made it. `commitment` is `sha256:` and SHA-256, in hex, over what the
    binding says (`passkeys.bindings`).
    """

    rp_id: str
    origin: str
    attachment: str
    synced_allowed: int
    imported: int
    commitment: str
