"""A letter as the message that mail servers pass on (RFC 5322, RFC 2045): plain text, and headers that cannot grow."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

from ostiary.kernel.clock import SECOND
from ostiary.mail.model import Parcel

__all__ = ["domain_of", "message"]


def message(parcel: Parcel, sender: str) -> EmailMessage:
    """Return the message. Its Message-ID names the sender's domain and stays the same however often it is tried.

    Raises ValueError where a header would hold a line break: `Letter.faults` has refused that before.
    """
    letter, made = parcel.letter, EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    made["From"] = Address(name, addr_spec=address)
    local, _, domain = letter.to.rpartition("@")
    made["To"] = Address(username=local, domain=domain)
    made["Subject"] = letter.subject
    made["Date"] = datetime.fromtimestamp(parcel.at // SECOND, UTC)
    made["Message-ID"] = f"<{parcel.id}@{domain_of(sender)}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation answers, please
    made.set_content(letter.text, charset="utf-8")
    return made


def domain_of(sender: str) -> str:
    """Return the domain of the address in From: what this server calls itself among mail servers."""
    return parseaddr(sender)[1].rpartition("@")[2]
