"""The settings of mail: their names, how they are read, and what contradicts itself."""

from email.utils import getaddresses
from ipaddress import ip_address

from ostiary.kernel import texts
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.texts import Key
from ostiary.mail.model import Encryption, MailMode, MailSettings, is_address

__all__ = ["KEYS", "check"]

_PORTS = range(1, 65536)


def _mode(value: str) -> MailMode:
    try:
        return MailMode(value)
    except ValueError:
        raise ValueError("stub, smtp or rest is expected") from None


def _encryption(value: str) -> Encryption:
    try:
        return Encryption(value)
    except ValueError:
        raise ValueError("starttls, tls or none is expected") from None


def _server(value: str) -> tuple[str, int]:
    """Read a server's host and port; an IPv6 address stands in brackets."""
    host, _, port = value.rpartition(":")
    named = host.startswith("[") and host.endswith("]") and texts.is_address(host[1:-1])
    plain = host and host.isascii() and host.isprintable() and not set(host) & set(" /@:[]")
    if not (named or plain) or not (port.isascii() and port.isdecimal() and int(port[:6]) in _PORTS):
        raise ValueError("a host and a port are expected, such as smtp.example.test:587")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _sender(value: str) -> str:
    """Read what stands in From: an address, or a name with an address."""
    addresses = [address for _, address in getaddresses([value])]
    if not value.isprintable() or len(addresses) != 1 or not (addresses[0].isascii() and is_address(addresses[0])):
        raise ValueError("an address is expected, or a name with one: Example <id at example.test>")
    return value


def _user(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("a user name is expected")
    return value


KEYS: dict[str, Key] = {
    "MAIL_SERVICE_MODE": Key(
        "mail.mode",
        _mode,
        "stub",
        "How letters leave: `stub` (they stay here), `smtp` or `rest`.",
        "With `stub` an operator reads them by `ostiary mail show`; see [mail.md](mail.md).",
    ),
    "MAIL_SERVICE_BASE_URL": Key(
        "mail.base_url",
        texts.base_url,
        "",
        "The mail service of the mode `rest`: an https address, or http on this machine.",
        "Each letter is posted there once, as JSON, and never tried again.",
    ),
    "MAIL_SERVICE_TOKEN_FILE": Key(
        "mail.token_file",
        texts.path,
        "",
        "A file that holds the mail service's bearer token.",
        "Each letter is posted with it. Read at the start.",
    ),
    "MAIL_SERVICE_REQUEST_TIMEOUT": Key(
        "mail.timeout",
        texts.duration,
        "10s",
        "How long handing over one letter may take, at most 1m.",
        "Then it has failed: by SMTP it is tried again, by `rest` the request that needs it is answered 503.",
    ),
    "MAIL_FROM": Key(
        "mail.sender",
        _sender,
        "",
        "Who letters come from: an address, or a name with one.",
        "Stands in From; its domain in Message-ID, and as the name of this server among mail servers.",
    ),
    "MAIL_SMTP_ADDR": Key(
        "mail.smtp_addr",
        _server,
        "",
        "The SMTP server of the mode `smtp`, with its port.",
        "Letters are handed to it.",
    ),
    "MAIL_SMTP_TLS": Key(
        "mail.smtp_tls",
        _encryption,
        "starttls",
        "How the line to the SMTP server is encrypted: `starttls`, `tls` (port 465), `none` to this machine only.",
        "No letter leaves over a line that is not encrypted so, by a certificate that holds.",
    ),
    "MAIL_SMTP_CA_FILE": Key(
        "mail.smtp_ca_file",
        texts.path,
        "",
        "Certificates (PEM) of authorities that may vouch for the SMTP server; unset: the system's.",
        "A server that none of them vouches for gets no letter and no password.",
    ),
    "MAIL_SMTP_USER": Key(
        "mail.smtp_user",
        _user,
        "",
        "The user name at the SMTP server.",
        "Letters are handed over signed in.",
    ),
    "MAIL_SMTP_PASSWORD_FILE": Key(
        "mail.smtp_password_file",
        texts.path,
        "",
        "A file that holds the password of that user.",
        "Used to sign in, and shown nowhere. Read at the start.",
    ),
}
"""Every key of mail, without its prefix."""


def check(settings: MailSettings) -> None:
    """Raise SettingsError where settings of mail contradict each other, or would do nothing."""
    for wrong, says in _contradictions(settings):
        if wrong:
            raise SettingsError(says)


def _contradictions(s: MailSettings) -> list[tuple[bool, str]]:
    smtp, rest = s.mode is MailMode.SMTP, s.mode is MailMode.REST
    others = bool(s.smtp_user or s.smtp_password_file or s.smtp_ca_file or s.smtp_addr)
    return [
        (smtp and s.smtp_addr is None, "OSTIARY_MAIL_SERVICE_MODE is smtp: set OSTIARY_MAIL_SMTP_ADDR too"),
        (smtp and not s.sender, "OSTIARY_MAIL_SERVICE_MODE is smtp: set OSTIARY_MAIL_FROM too"),
        (rest and not s.base_url, "OSTIARY_MAIL_SERVICE_MODE is rest: set OSTIARY_MAIL_SERVICE_BASE_URL too"),
        (others and not smtp, "OSTIARY_MAIL_SMTP_… does nothing: set OSTIARY_MAIL_SERVICE_MODE to smtp"),
        (
            bool(s.base_url or s.token_file) and not rest,
            "OSTIARY_MAIL_SERVICE_BASE_URL or _TOKEN_FILE does nothing: set OSTIARY_MAIL_SERVICE_MODE to rest",
        ),
        (
            bool(s.smtp_user) is not bool(s.smtp_password_file),
            "OSTIARY_MAIL_SMTP_USER and OSTIARY_MAIL_SMTP_PASSWORD_FILE belong together: set both or none",
        ),
        (
            s.smtp_tls is Encryption.NONE and s.smtp_addr is not None and not _is_here(s.smtp_addr[0]),
            "OSTIARY_MAIL_SMTP_TLS is none, and the SMTP server is not this machine: use starttls or tls",
        ),
        (
            s.timeout > texts.duration("1m"),
            "OSTIARY_MAIL_SERVICE_REQUEST_TIMEOUT is longer than 1m: a letter would be taken twice",
        ),
    ]


def _is_here(host: str) -> bool:
    return host == "localhost" or (texts.is_address(host) and ip_address(host).is_loopback)
