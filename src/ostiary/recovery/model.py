"""Values and rules of recovery: policies, proofs of a contact, runs, and how long each lasts."""

import hashlib
from enum import StrEnum

import msgspec

from ostiary.kernel.clock import MINUTE
from ostiary.keys.keyring import Keyring
from ostiary.sessions import service as sessions

__all__ = [
    "CODES",
    "CODE_LIFE",
    "CONTEST_PERIOD",
    "DAY",
    "LETTERS_OF_ALL",
    "MOST_LETTERS",
    "MOST_WRONG",
    "RESERVE",
    "RUN_LIFE",
    "TRIES",
    "WRONG_OF_ALL",
    "Asker",
    "Attempt",
    "Method",
    "Policy",
    "RecoverySettings",
    "Rules",
    "Run",
    "State",
    "Tried",
    "address_hash",
    "plain_code",
    "supported",
    "token_hash",
]

DAY = 24 * 60 * MINUTE
CODE_LIFE = 15 * MINUTE
"""How long a code that went out by mail is good."""
TRIES = 5
"""Wrong codes that spend one proof."""
MOST_WRONG, WRONG_OF_ALL = 20, 100
"""Wrong codes for one contact in a day, over all its proofs: of one requester, and of all of them (ruling 34)."""
MOST_LETTERS, RESERVE, LETTERS_OF_ALL = 20, 3, 60
"""Letters with a code to one contact in a day: whoever asks; then so many for each requester; and never more."""
RUN_LIFE = 7 * DAY
"""How long after its waiting period a recovery can be executed."""
CONTEST_PERIOD = 14 * DAY
"""How long after its execution an old passkey may undo it (ruling 31)."""
CODES = 10
"""How many printed codes a person is given."""

_LOOKALIKES = str.maketrans("oil", "011")


class Method(StrEnum):
    """How somebody recovers. NOTE: wire format. `sms_otp` is known and refused: nobody delivers it."""

    EMAIL_LINK = "email_link"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey_reenrollment_with_human_presence"


class State(StrEnum):
    """The life of a run: from waiting to executed or cancelled, from executed to contested."""

    WAITING = "waiting"
    EXECUTED = "executed"
    CANCELLED = "cancelled"
    CONTESTED = "contested"


class RecoverySettings(msgspec.Struct, frozen=True):
    """How long a recovery waits in a live tenant, in microseconds; in a fixture tenant it never waits."""

    waiting: int = DAY


class Rules(msgspec.Struct, frozen=True):
    """What the use cases of recovery need besides their transaction.

    `origin` is where the pages are that letters link to. `own` is the tenant whose people have their own address for
    a contact, though they have set no policy.
    """

    keyring: Keyring
    sessions: sessions.Rules
    settings: RecoverySettings
    origin: str
    own: str


class Policy(msgspec.Struct, frozen=True):
    """A person's policy. `given` tells that the person set it; else it is the default, made when it was used.

    `hash` is what the client gave. `passkey` is the one whose holder set it, or "". `methods` are words.
    """

    id: str
    person: str
    passkey: str
    hash: str
    methods: str
    given: int
    created_at: int
    replaced_at: int
    consumed_at: int


class Asker(msgspec.Struct, frozen=True):
    """Who asks for a code and types it: a browser by its id before sign-in, or an application by that of its key.

    `shared` tells that many people ask by this one: an application's, who all come from one address.
    """

    id: str
    shared: bool

    def requester(self, address: str) -> str:
        """Return as whom it is counted: the hash of its address, or the application."""
        return self.id if self.shared else address


class Tried(msgspec.Struct, frozen=True):
    """What was tried at one contact in a day: letters and wrong codes, `here` those of one requester.

    No stranger alone keeps the owner from a letter or from their code.
    """

    letters: int
    letters_here: int
    wrong: int
    wrong_here: int

    @property
    def may_ask(self) -> bool:
        """Whether another letter goes out to this requester."""
        reserved = self.letters_here < RESERVE and self.letters < LETTERS_OF_ALL
        return self.letters < MOST_LETTERS or reserved

    @property
    def may_guess(self) -> bool:
        """Whether a code of this requester may still fit."""
        return self.wrong_here < MOST_WRONG and self.wrong < WRONG_OF_ALL


class Attempt(msgspec.Struct, frozen=True):
    """A code that went out, or would have: of a contact that nobody has, `person` is "", and no code fits.

    `contact` is the keyed hash of the address, `address_sealed` the address itself. Only `asker` may type the code;
    its wrong ones count for `requester`. Times in microseconds.
    """

    id: str
    person: str
    policy: str
    contact: str
    code_hash: str
    address_sealed: bytes
    failures: int
    begun_at: int
    expires_at: int
    spent_at: int
    asker: str
    requester: str


class Run(msgspec.Struct, frozen=True):
    """One recovery on its way, from the proof of the contact on.

    Its holder shows a secret of which `secret_hash` is kept; `cancel_hash` is that of the link in the notices.
    `replacement` is the new passkey, "" before it is registered.
    """

    id: str
    person: str
    policy: str
    contact: str
    method: str
    secret_hash: str
    cancel_hash: str
    address_sealed: bytes
    state: State
    replacement: str
    begun_at: int
    ready_at: int
    expires_at: int
    executed_at: int
    contest_until: int


def supported(methods: list[str]) -> bool:
    """Tell whether every one of these methods is known and delivered; at least one must be named."""
    return bool(methods) and set(methods) <= set(Method)


def address_hash(address: str) -> str:
    """Return the hash of a normalised address, or of a printed code, as clients write it."""
    return "sha256:" + hashlib.sha256(address.encode()).hexdigest()


def token_hash(token: str) -> str:
    """Return what is kept of a secret with 256 random bits: SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def plain_code(text: str) -> str:
    """Return a printed code as it is compared: only its signs, in lower case, with o read as 0 and i and l as 1."""
    kept = "".join(sign for sign in text.casefold() if sign.isascii() and sign.isalnum())
    return kept.translate(_LOOKALIKES)
