"""Examinations of mail: how letters leave, and whether the SMTP server would take one; none is sent."""

import asyncio
from collections.abc import Iterator

from ostiary.cli.doctor.finding import Finding, ok, problem
from ostiary.kernel.errors import BootRefused
from ostiary.mail.model import MailMode, MailSettings
from ostiary.mail.rest import RestSender
from ostiary.mail.smtp import SmtpSender
from ostiary.settings import Settings

__all__ = ["letters"]

_ADVICE = {
    "unreachable": "Is it up, and is OSTIARY_MAIL_SMTP_ADDR right?",
    "timeout": "Is it up, and does a firewall keep it from this machine?",
    "tls": "Does its certificate hold for that name? OSTIARY_MAIL_SMTP_CA_FILE names an authority of your own.",
    "smtp_auth": "Are OSTIARY_MAIL_SMTP_USER and the password in OSTIARY_MAIL_SMTP_PASSWORD_FILE right?",
    "smtp_unsupported": "It offers no STARTTLS or no sign-in there: is OSTIARY_MAIL_SMTP_TLS right?",
}


def letters(settings: Settings) -> Iterator[Finding]:
    """Say how letters leave; ask the SMTP server up to the point where a letter would follow."""
    try:
        yield _found(settings.mail)
    except BootRefused as fault:
        yield problem("mail", str(fault), "Put the file there, readable for this user.")


def _found(settings: MailSettings) -> Finding:
    match settings.mode:
        case MailMode.STUB:
            return ok("mail", "letters stay here (`stub`): `ostiary mail list` shows them")
        case MailMode.REST:
            RestSender(settings)
            return ok("mail", f"letters are posted to the mail service at {settings.base_url}; it was not asked")
        case MailMode.SMTP:
            return _smtp(settings)


def _smtp(settings: MailSettings) -> Finding:
    host, port = settings.smtp_addr or ("", 0)
    why = asyncio.run(SmtpSender(settings).probe())
    if why:
        says = f"the SMTP server {host}:{port} does not take letters: {why}"
        return problem("mail", says, _ADVICE.get(why, "Look at its log."))
    if not settings.smtp_user:
        return ok("mail", f"letters leave by the SMTP server {host}:{port}, which answers; nobody signs in there")
    return ok("mail", f"letters leave by the SMTP server {host}:{port}, which answers and knows the user")
