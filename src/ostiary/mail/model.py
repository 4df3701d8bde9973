"""Values and rules of mail: a letter, what became of sending one, when it is tried again."""

import re
from enum import StrEnum
from pathlib import Path

import msgspec

from ostiary.kernel.clock import MINUTE, SECOND

__all__ = [
    "CAPTURED_LIFE",
    "LEASE",
    "MOST_TRIES",
    "Encryption",
    "Letter",
    "MailMode",
    "MailSettings",
    "Parcel",
    "Sent",
    "Verdict",
    "is_address",
    "is_purpose",
    "pause",
]

_HOUR = 60 * MINUTE
_FIRST_PAUSE, _LONGEST_PAUSE = 5 * SECOND, _HOUR
_UNSAFE = r"\s\x00-\x1f\x7f-\x9f\ud800-\udfff\"(),:;<>@\[\\\]"
_ADDRESS = re.compile(rf"[^{_UNSAFE}]{{1,64}}@[^{_UNSAFE}]{{1,255}}\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNWRITABLE = re.compile(r"[\x00\ud800-\udfff]")
_PURPOSE = re.compile(r"[a-z][a-z0-9_.]{0,63}\Z")
_KEPT = re.compile(r"(?:unreachable|tls|circuit_open|busy|unreadable|http_(?:3..|4(?!08)..|503))\Z")
_SUBJECT = 200

LEASE = 2 * MINUTE
"""Microseconds for which a letter belongs to whoever took it; longer than any sending may last."""

MOST_TRIES = 16
"""How often a letter is tried; with the pauses between, that is ten hours."""

CAPTURED_LIFE = 7 * 24 * _HOUR
"""Microseconds for which a captured letter can be read."""


class MailMode(StrEnum):
    """How letters leave: `stub` keeps them where an operator reads them. NOTE: wire format (the contract's names)."""

    STUB = "stub"
    SMTP = "smtp"
    REST = "rest"


class Encryption(StrEnum):
    """How the line to the SMTP server is encrypted; `none` is for a server on this machine only."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class MailSettings(msgspec.Struct, frozen=True):
    """How letters leave. `timeout` is in microseconds, `sender` is what stands in From."""

    mode: MailMode = MailMode.STUB
    base_url: str = ""
    timeout: int = 10 * SECOND
    token_file: Path | None = None
    sender: str = ""
    smtp_addr: tuple[str, int] | None = None
    smtp_tls: Encryption = Encryption.STARTTLS
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_ca_file: Path | None = None


class Letter(msgspec.Struct, frozen=True):
    """One letter to one address, in plain text. `purpose` is a machine word for receipts, such as `login_code`.

    Not delivered within `life` microseconds, it is dropped: a letter with a code lives as long as the code. `code`
    and `locale` are for the mail service's own login-code letter, `key` is its idempotency key (the challenge's id).
    """

    to: str
    subject: str
    text: str
    purpose: str
    life: int = 24 * _HOUR
    code: str = ""
    locale: str = ""
    key: str = ""

    @property
    def faults(self) -> tuple[str, ...]:
        """Return the parts with which it could not be sent, or would say more than it should to a mail server."""
        subject_holds = self.subject and len(self.subject) <= _SUBJECT and not _CONTROLS.search(self.subject)
        return (
            *(("to",) if not is_address(self.to) else ()),
            *(("subject",) if not subject_holds else ()),
            *(("text",) if _UNWRITABLE.search(self.text) else ()),
        )

    def __repr__(self) -> str:
        """Show neither address nor text, whoever prints it."""
        return f"Letter(purpose={self.purpose!r})"


class Parcel(msgspec.Struct, frozen=True):
    """A letter on its way: its id, when it was queued (microseconds since 1970), what it is."""

    id: str
    at: int
    letter: Letter


class Verdict(StrEnum):
    """What became of a sending: accepted, held back by the mail service, kept here, not now, or never."""

    SENT = "sent"
    SUPPRESSED = "suppressed"
    CAPTURED = "captured"
    LATER = "later"
    NEVER = "never"


class Sent(msgspec.Struct, frozen=True):
    """The outcome of one sending; `why` is the machine word of a failure. Nothing in it comes from the other side.

    `line` tells that the way to the server failed: another letter would fare no better at this moment.
    """

    verdict: Verdict
    why: str = ""
    line: bool = False

    @property
    def arrived(self) -> bool:
        """Tell whether the letter is out of our hands."""
        return self.verdict in {Verdict.SENT, Verdict.SUPPRESSED, Verdict.CAPTURED}

    @property
    def kept(self) -> bool:
        """Tell whether nobody has the letter but us, surely: nothing was asked, or clearly refused.

        After a timeout, a line that broke, or an answer that is none, the other side may have taken it.
        """
        return not self.arrived and _KEPT.match(self.why) is not None


def is_address(text: str) -> bool:
    """Tell whether a text is exactly one plain address: no line break, no second recipient, no quoting."""
    return _ADDRESS.match(text) is not None


def is_purpose(text: str) -> bool:
    """Tell whether a text may stand in a receipt as a letter's purpose."""
    return _PURPOSE.match(text) is not None


def pause(tries: int) -> int:
    """Return how long to wait after so many failed tries, in microseconds: 5 s, 15 s, 45 s, … at most an hour."""
    return int(min(_FIRST_PAUSE * 3 ** min(tries - 1, MOST_TRIES), _LONGEST_PAUSE))
