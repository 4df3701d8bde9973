"""Other names of settings: those of the source's authsession, so that its deployment starts unchanged.

A table, and how a text of there is written here. The environment is handed in; `settings` reads it.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import msgspec

from ostiary.kernel import texts
from ostiary.kernel.errors import SettingsError

__all__ = ["ALIASES", "Alias", "is_alias", "named", "translated"]

_PREFIX = "AUTHSESSION_"
_OURS = re.compile("OSTIARY_([A-Z_]+)")
_TERM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|h|m|s)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


class Alias(msgspec.Struct, frozen=True):
    """What another name means here: the key that it sets, "" for none; how its text is read into ours; a remark."""

    key: str
    read: Callable[[str], str] = str
    remark: str = ""


def _duration(text: str) -> str:
    """Read a duration of Go (time.ParseDuration) such as `1m30s`; what is none is left to the key to refuse."""
    terms = _TERM.findall(text)
    if not terms or "".join(number + unit for number, unit in terms) != text:
        return text
    length = sum(Decimal(number) * _MILLISECONDS[unit] for number, unit in terms)
    return f"{length:f}ms" if length != int(length) else f"{int(length)}ms"


def _loopback(text: str) -> str:
    """Read where the internal listener binds: without a host on this machine only."""
    return f"127.0.0.1{text}" if text.startswith(":") else text


def _none(text: str) -> str:
    if text not in {"", "none"}:
        raise ValueError("only none is possible: this release exports no telemetry")
    return ""


def _off(text: str) -> str:
    if text.lower() not in {"", "f"} and texts.switch(text):
        raise ValueError("only false is possible: this release prints no telemetry")
    return ""


def _refused(text: str) -> str:
    raise ValueError("it may not be set, as in the source: OSTIARY_REDIS_TLS and OSTIARY_REDIS_USERNAME are for that")


ALIASES: dict[str, Alias] = {
    "AUTHSESSION_PUBLIC_HTTP_ADDR": Alias("PUBLIC_HTTP_ADDR"),
    "AUTHSESSION_INTERNAL_HTTP_ADDR": Alias(
        "INTERNAL_HTTP_ADDR", _loopback, "Without a host it is this machine only, where the source bound everywhere."
    ),
    "AUTHSESSION_USER_SERVICE_MODE": Alias("USER_SERVICE_MODE"),
    "AUTHSESSION_USER_SERVICE_BASE_URL": Alias("USER_SERVICE_BASE_URL"),
    "AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT": Alias("USER_SERVICE_REQUEST_TIMEOUT", _duration),
    "AUTHSESSION_MAIL_SERVICE_MODE": Alias("MAIL_SERVICE_MODE"),
    "AUTHSESSION_MAIL_SERVICE_BASE_URL": Alias("MAIL_SERVICE_BASE_URL"),
    "AUTHSESSION_MAIL_SERVICE_REQUEST_TIMEOUT": Alias("MAIL_SERVICE_REQUEST_TIMEOUT", _duration),
    "AUTHSESSION_REDIS_ADDR": Alias("REDIS_ADDR"),
    "AUTHSESSION_REDIS_MASTER_ADDR": Alias("REDIS_ADDR"),
    "AUTHSESSION_REDIS_PASSWORD": Alias(
        "REDIS_PASSWORD", remark="`REDIS_PASSWORD_FILE` keeps it out of the environment."
    ),
    "AUTHSESSION_REDIS_DB": Alias("REDIS_DB"),
    "AUTHSESSION_REDIS_OPERATION_TIMEOUT": Alias("REDIS_OPERATION_TIMEOUT", _duration),
    "AUTHSESSION_REDIS_REPLICA_ADDRS": Alias("", remark="Accepted; replicas are not read."),
    "AUTHSESSION_REDIS_TLS_ENABLED": Alias("", _refused, "Stops the start, whatever it says."),
    "AUTHSESSION_REDIS_USERNAME": Alias("", _refused, "Stops the start, whatever it says."),
    "AUTHSESSION_OTEL_STDOUT_TRACES_ENABLED": Alias("", _off, "Accepted when false; true stops the start."),
    "AUTHSESSION_OTEL_STDOUT_METRICS_ENABLED": Alias("", _off, "Accepted when false; true stops the start."),
    "OTEL_SERVICE_NAME": Alias("", remark="Accepted; nothing is exported under it yet."),
    "OTEL_TRACES_EXPORTER": Alias("", _none, "Accepted when `none`; another exporter stops the start."),
    "OTEL_METRICS_EXPORTER": Alias("", _none, "Accepted when `none`; another exporter stops the start."),
}
"""Every other name, as it stands in the environment; the file knows none of them."""


def is_alias(name: str) -> bool:
    """Tell whether a name of the environment is one of these, or should be."""
    return name in ALIASES or name.startswith(_PREFIX)


def named(said: str, environ: Mapping[str, str]) -> str:
    """Return what is wrong with settings, each by its other name too where whoever set them uses such names."""
    theirs = [name for name in environ if name.startswith(_PREFIX)]
    if not theirs:
        return said
    others = {ALIASES[name].key: name for name in (*reversed(ALIASES), *theirs) if name in ALIASES}
    return _OURS.sub(lambda found: found[0] + (f" ({others[found[1]]})" if found[1] in others else ""), said)


def translated(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, key, text as it is written here) for each that is set and sets a key. Raises SettingsError."""
    for name, text in environ.items():
        if not is_alias(name):
            continue
        alias = ALIASES.get(name)
        if alias is None:
            nearest = difflib.get_close_matches(name, ALIASES, n=1, cutoff=0)[0]
            raise SettingsError(f"unknown setting {name}: did you mean {nearest}?")
        try:
            written = alias.read(text)
        except ValueError as fault:
            raise SettingsError(f"{name}: {fault}") from fault
        if alias.key:
            yield name, alias.key, written
