"""Examinations of mail: how letters leave, and whether the server or service would take one; none is sent."""

import asyncio
from collections.abc import Iterator

from ostiary.cli.doctor.finding import Finding, ok, problem, warning
from ostiary.console.letters import is_development
from ostiary.kernel.clock import system_clock, ticks_of
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
_REST_ADVICE = {
    "line_broken": "It took the request and gave no whole answer: does it speak HTTP, and does its own log say why?",
    "unreachable": "Is it up, and is OSTIARY_MAIL_SERVICE_BASE_URL right?",
    "timeout": "Is it up, and does a firewall keep it from this machine?",
    "tls": "Does its certificate hold for that name, by an authority that this system knows?",
    "http_401": "Is the token in OSTIARY_MAIL_SERVICE_TOKEN_FILE right?",
    "http_403": "Is the token in OSTIARY_MAIL_SERVICE_TOKEN_FILE right?",
    "http_404": "Is OSTIARY_MAIL_SERVICE_BASE_URL right? Nothing takes login codes below it.",
}


def letters(settings: Settings) -> Iterator[Finding]:
    """Say how letters leave; ask the SMTP server, or the mail service, up to where a letter would follow."""
    try:
        yield _found(settings)
    except BootRefused as fault:
        yield problem("mail", str(fault), "Put the file there, readable for this user.")


def _found(given: Settings) -> Finding:
    settings = given.mail
    match settings.mode:
        case MailMode.STUB:
            return _kept(given)
        case MailMode.REST:
            return _rest(settings)
        case MailMode.SMTP:
            return _smtp(settings)


def _kept(given: Settings) -> Finding:
    if is_development(given.mail.mode, given.host):
        return ok("mail", "letters stay here (`stub`): `ostiary mail list` shows them")
    says = "letters stay here (`stub`): nobody who signs in by e-mail code, or recovers an account, gets one"
    return warning("mail", says, "Set OSTIARY_MAIL_SERVICE_MODE to smtp or rest (docs/mail.md).")


def _rest(settings: MailSettings) -> Finding:
    why = asyncio.run(_asked(RestSender(settings, ticks_of(system_clock()))))
    if why:
        says = f"the mail service at {settings.base_url} does not take letters: {why}"
        return problem("mail", says, _REST_ADVICE.get(why, "Look at its log."))
    return ok("mail", f"letters are posted to the mail service at {settings.base_url}, which answers")


async def _asked(sender: RestSender) -> str:
    try:
        return await sender.probe()
    finally:
        await sender.close()


def _smtp(settings: MailSettings) -> Finding:
    host, port = settings.smtp_addr or ("", 0)
    why = asyncio.run(SmtpSender(settings).probe())
    if why:
        says = f"the SMTP server {host}:{port} does not take letters: {why}"
        return problem("mail", says, _ADVICE.get(why, "Look at its log."))
    if not settings.smtp_user:
        return ok("mail", f"letters leave by the SMTP server {host}:{port}, which answers; nobody signs in there")
    return ok("mail", f"letters leave by the SMTP server {host}:{port}, which answers and knows the user")
