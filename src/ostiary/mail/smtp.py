"""Letters leave by SMTP (RFC 5321), over a line that is encrypted and checked; only to this machine it may be plain."""

import asyncio
import ssl
from email.message import EmailMessage
from typing import cast

import aiosmtplib
from aiosmtplib import SMTP

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import BootRefused
from ostiary.mail.message import domain_of, message
from ostiary.mail.model import Encryption, MailSettings, Parcel, Sent, Verdict
from ostiary.remote.secret import read_secret

__all__ = ["SmtpSender"]

_FINAL = range(500, 600)
_SIGN_IN = range(530, 540)
"""RFC 4954 section 6: our own setting is wrong, not the letter."""


class SmtpSender:
    """Sends letters by one SMTP server. Reads password and authority at once: raises BootRefused where it cannot."""

    repeats = True

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._password = read_secret(settings.smtp_password_file)
        self._tls = _tls(settings)

    async def send(self, parcel: Parcel) -> Sent:
        try:
            made = message(parcel, self._settings.sender)
        except ValueError:
            return Sent(Verdict.NEVER, "malformed")
        return await self._bounded(made, parcel.letter.to)

    async def probe(self) -> str:
        """Connect, encrypt and sign in, and send nothing; return the machine word of what failed, or ""."""
        return (await self._bounded()).why

    async def _bounded(self, made: EmailMessage | None = None, to: str = "") -> Sent:
        """Talk to the server; what the server has accepted is sent, however badly the two part."""
        accepted = False
        try:
            async with asyncio.timeout(self._settings.timeout / SECOND), self._line() as line:
                if made is not None:
                    await line.send_message(made, recipients=[to])
                accepted = True
        except Exception as fault:
            sent = Sent(Verdict.SENT) if accepted else _outcome(fault)
            if sent is None:
                raise
            return sent
        return Sent(Verdict.SENT)

    def _line(self) -> "_Line":
        given, (host, port) = self._settings, self._settings.smtp_addr or ("", 0)
        return _Line(
            hostname=host,
            port=port,
            username=given.smtp_user or None,
            password=self._password or None,
            local_hostname=domain_of(given.sender),
            timeout=given.timeout / SECOND,
            use_tls=given.smtp_tls is Encryption.TLS,
            start_tls=given.smtp_tls is Encryption.STARTTLS,
            tls_context=self._tls,
        )


class _Line(SMTP):
    """A line that is gone once it is closed: QUIT has been answered or cannot be, and TLS need not part as well."""

    def close(self) -> None:
        if self.transport is not None:
            cast("asyncio.WriteTransport", self.transport).abort()
        super().close()


def _tls(settings: MailSettings) -> ssl.SSLContext | None:
    if settings.smtp_tls is Encryption.NONE:
        return None
    try:
        made = ssl.create_default_context(cafile=settings.smtp_ca_file)
    except OSError as fault:
        raise BootRefused(f"cannot read certificates from {settings.smtp_ca_file}: {fault.strerror}") from fault
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _outcome(fault: Exception) -> Sent | None:
    """Return what a fault means. What the server said stays out: it may repeat an address, or more."""
    match fault:
        case aiosmtplib.SMTPAuthenticationError():
            return Sent(Verdict.LATER, "smtp_auth", line=True)
        case aiosmtplib.SMTPRecipientsRefused():
            codes = [one.code for one in fault.recipients]
            return _answered(max(codes, default=0))
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPHeloError():
            return Sent(Verdict.LATER, f"smtp_{fault.code}", line=True)
        case aiosmtplib.SMTPResponseException():
            return _answered(fault.code)
        case _:
            return _unanswered(fault)


def _answered(code: int) -> Sent:
    """RFC 5321 section 4.2.1: 4yz may work later, 5yz will not. Either is about this letter; signing in is not."""
    if code in _SIGN_IN:
        return Sent(Verdict.LATER, f"smtp_{code}", line=True)
    return Sent(Verdict.NEVER if code in _FINAL else Verdict.LATER, f"smtp_{code}")


def _unanswered(fault: Exception) -> Sent | None:
    match fault:
        case TimeoutError():
            return Sent(Verdict.LATER, "timeout", line=True)
        case ssl.SSLError():
            return Sent(Verdict.LATER, "tls", line=True)
        case OSError():
            return Sent(Verdict.LATER, "unreachable", line=True)
        case aiosmtplib.SMTPException():
            return Sent(Verdict.LATER, "smtp_unsupported")  # no STARTTLS, no way to sign in, no such address
        case _:
            return None
