"""What a request must and must not say before anybody looks at it: one small rule each, over its parsed JSON."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ostiary.kernel.refs import named
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.texts import is_address
from ostiary.kernel.values import Mode

__all__ = [
    "EXPIRY_LONGEST",
    "Gate",
    "claimed",
    "expires",
    "fixture_said",
    "hashed",
    "hashed_all",
    "no_raw",
    "numbers",
    "one_of",
    "passed",
    "said_false",
    "well_named",
]

Rule = Callable[[dict[str, Any], Mode], Refusal | None]
"""What a gate asks of a request's fields in a tenant of this mode."""


class Gate(msgspec.Struct, frozen=True):
    """A rule, and every code that it refuses with."""

    rule: Rule
    codes: tuple[Code, ...]


EXPIRY_LONGEST = 86_400
_FIXTURE = "auth_session:fixture_"
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_FIXTURE_HASH = re.compile(r"sha256:[0-9A-Za-z_-]{1,128}")
_LIVE_WORDS = ("production_login", "production_session")
_NUMBERS = ("window_seconds", "attempt_count", "soft_limit", "lockout_threshold", "lockout_seconds")
_LARGEST = 31_536_000
_REF = re.compile(r"[a-z_]{1,40}:[A-Za-z0-9_.-]{1,80}")
_NAMED = (
    "actor",
    "device_binding",
    "holder_key",
    "passkey_binding",
    "policy_ref",
    "standing",
    "subject",
    "vessel",
)
_FLAGS = frozenset({"raw_credential_id_supplied"})
"""A field that says whether something raw is there, and is itself nothing raw."""


def well_named(value: dict[str, Any]) -> Refusal | None:
    """Refuse a name that has not the form of a ref: some are kept and shown as they came."""
    odd = next((name for name in _NAMED if not _is_ref(value.get(name))), None)
    return None if odd is None else Refusal(Code.REQUEST_MALFORMED, (odd,))


def passed(gates: tuple[Gate, ...], value: dict[str, Any], mode: Mode) -> Refusal | None:
    """Return the first refusal of these rules."""
    return next((refused for gate in gates if (refused := gate.rule(value, mode)) is not None), None)


def fixture_said(code: Code, *, session: bool = False, live: bool = True) -> Gate:
    """Ask that in a fixture tenant `fixture` is true, nothing claims production, a session's ref has the prefix.

    In a live one each of these the other way round is TENANT_MODE_MISMATCH (ruling 56); with `live` False nothing
    passes there at all.
    """

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        ref = str(value.get("session") or "") if session else ""
        if mode is Mode.LIVE and not live:
            return Refusal(code)
        if mode is Mode.LIVE:
            mixed = _said(value, "fixture") or ref.startswith(_FIXTURE)
            return Refusal(Code.TENANT_MODE_MISMATCH) if mixed else None
        claims = any(_said(value, word) for word in _LIVE_WORDS)
        odd = value.get("fixture") is not True or claims or (ref and not ref.startswith(_FIXTURE))
        return Refusal(code) if odd else None

    return Gate(rule, (code, Code.TENANT_MODE_MISMATCH) if live else (code,))


def no_raw(code: Code) -> Gate:
    """Ask that nothing whose name begins with `raw_` stands in the request, whatever its value."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        raw = any(name.startswith("raw_") and name not in _FLAGS for name in _names(value))
        return Refusal(code) if raw else None

    return Gate(rule, (code,))


def said_false(code: Code, *names: str) -> Gate:
    """Refuse where one of these flags is there and not false."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        return Refusal(code) if any(value.get(name, False) is not False for name in names) else None

    return Gate(rule, (code,))


def hashed(code: Code, name: str, *, optional: bool = False, real: bool = False) -> Gate:
    """Ask that the field is `sha256:` and 64 lower-case hex digits; in a fixture tenant any word may follow the prefix.

    A `real` one is compared with what is verified, so that words serve nowhere.
    """

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        given = value.get(name)
        if optional and (given is None or given == ""):
            return None
        return None if _is_hash(given, Mode.LIVE if real else mode) else Refusal(code)

    return Gate(rule, (code,))


def hashed_all(code: Code, name: str, *, optional: bool = False) -> Gate:
    """Ask the same of a list of hashes, one at least."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        given = value.get(name)
        if optional and given in (None, []):
            return None
        well = isinstance(given, list) and given and all(_is_hash(one, mode) for one in given)
        return None if well else Refusal(code)

    return Gate(rule, (code,))


def claimed(name: str, kind: str = "") -> Gate:
    """Ask that what is said of something is a well-formed ref, of that kind where one is given; "" says nothing."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        given = value.get(name)
        if given is None or given == "":
            return None
        well = isinstance(given, str) and named(kind or given.partition(":")[0], given) is not None
        well = well and not is_address(str(given).partition(":")[2])  # a raw address is no name of a device
        return None if well else Refusal(Code.REQUEST_MALFORMED, (name,))

    return Gate(rule, (Code.REQUEST_MALFORMED,))


def one_of(name: str, *words: str) -> Gate:
    """Ask that a field, where it says anything, says one of these words."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        well = value.get(name, "") in ("", *words)
        return None if well else Refusal(Code.REQUEST_MALFORMED, (name,))

    return Gate(rule, (Code.REQUEST_MALFORMED,))


def expires(code: Code) -> Gate:
    """Ask that `expires_in_seconds` is a whole number from 1 to EXPIRY_LONGEST."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        given = value.get("expires_in_seconds")
        return None if type(given) is int and 1 <= given <= EXPIRY_LONGEST else Refusal(code)

    return Gate(rule, (code,))


def numbers(code: Code) -> Gate:
    """Ask that the limiter's numbers are positive and in order; a fixture tenant needs all of them, a live one none."""

    def rule(value: dict[str, Any], mode: Mode) -> Refusal | None:
        given = [value.get(name) for name in _NUMBERS]
        if mode is Mode.LIVE and not any(name in value for name in _NUMBERS):
            return None
        if not all(type(one) is int and 0 < one <= _LARGEST for one in given):
            return Refusal(code)
        return None if value["soft_limit"] <= value["lockout_threshold"] else Refusal(code)

    return Gate(rule, (code,))


def _said(value: dict[str, Any], name: str) -> bool:
    """Tell whether a flag says anything but no; whatever it is, for it may be no flag at all."""
    given = value.get(name)
    return given is not None and given is not False


def _is_ref(given: object) -> bool:
    return given is None or given == "" or (isinstance(given, str) and _REF.fullmatch(given) is not None)


def _is_hash(given: object, mode: Mode) -> bool:
    form = _HASH if mode is Mode.LIVE else _FIXTURE_HASH
    return isinstance(given, str) and form.fullmatch(given) is not None


def _names(value: object) -> Iterator[str]:
    """Yield every name in a JSON value, at any depth (which the parser has bounded)."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
