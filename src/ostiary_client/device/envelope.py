"""The envelope: its fields, what is signed, and its form as JSON. Frozen in tests/wire/device_request.json."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["REMEMBERED_MS", "WINDOW_MS", "Envelope", "Misshapen", "octets", "signing_input"]

WINDOW_MS = 5 * 60 * 1000
"""How far a device's clock may be from that of whoever verifies, in milliseconds."""

REMEMBERED_MS = 2 * WINDOW_MS
"""For how long after its own time the id of a request must be remembered."""

_PROTOCOL, _DOMAIN = "v1", "galaxy-request-v1"
_LONGEST, _LATEST = 128, (1 << 63) - 1
_BYTES = ("payload_bytes", "payload_hash", "signature")
_HASH, _SIGNATURE = 32, 64


class Misshapen(ValueError):
    """What came is no envelope of this protocol; the argument is a word that says why."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One signed request. Making one that no verifier would read raises Misshapen (a ValueError).

    `timestamp_ms` is in milliseconds since 1970. Names are 1 to 128 bytes of UTF-8 without NUL; `payload_hash` is the
    raw SHA-256 of `payload_bytes`; `trace_id` is not signed and proves nothing.
    """

    device_session_id: str
    message_type: str
    timestamp_ms: int
    request_id: str
    payload_bytes: bytes = field(repr=False)
    payload_hash: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    trace_id: str = ""
    protocol_version: str = _PROTOCOL

    def __post_init__(self) -> None:
        if self.protocol_version != _PROTOCOL:
            raise Misshapen("protocol_version")
        names = (self.device_session_id, self.message_type, self.request_id)
        if not all(names) or not all(map(_named, (*names, self.trace_id))):
            raise Misshapen("name")
        if type(self.timestamp_ms) is not int or not 0 <= self.timestamp_ms <= _LATEST:
            raise Misshapen("timestamp")
        if not all(isinstance(getattr(self, name), bytes) for name in _BYTES):
            raise Misshapen("bytes")
        if (len(self.payload_hash), len(self.signature)) != (_HASH, _SIGNATURE):
            raise Misshapen("payload_hash" if len(self.payload_hash) != _HASH else "signature")

    def json(self) -> dict[str, Any]:
        """Return it as `POST /check/device` takes it: bytes in padded base64."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return told | {name: base64.b64encode(told[name]).decode() for name in _BYTES}

    @classmethod
    def read(cls, raw: bytes | str) -> "Envelope":
        """Read one off JSON, strictly: nothing unknown, no name twice, one spelling of base64. Raises Misshapen."""
        try:
            told = json.loads(raw, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise Misshapen("json") from error
        if not isinstance(told, dict):
            raise Misshapen("json")
        return cls._of(told)

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> "Envelope":
        wanted = {one.name for one in fields(cls)}
        if not wanted - {"trace_id"} <= told.keys() <= wanted:
            raise Misshapen("fields")
        given: dict[str, Any] = {name: octets(value) if name in _BYTES else value for name, value in told.items()}
        return cls(**given)


def signing_input(envelope: Envelope) -> bytes:
    """Return the bytes that a device signs. NOTE: wire format (docs/device-requests.md)."""
    named = (_DOMAIN, envelope.protocol_version, envelope.device_session_id, envelope.message_type)
    texts = [_prefixed(text.encode()) for text in named]
    at, request = envelope.timestamp_ms.to_bytes(8, "big"), _prefixed(envelope.request_id.encode())
    return b"".join((*texts, at, request, _prefixed(envelope.payload_hash)))


def octets(text: object) -> bytes:
    """Return the bytes that a text encodes in padded base64 (RFC 4648 section 4). Raises Misshapen."""
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        raise Misshapen("base64") from error
    if base64.b64encode(raw).decode() != text:
        raise Misshapen("base64")
    return raw


def _prefixed(data: bytes) -> bytes:
    """Return bytes behind their length, an unsigned varint of seven bits a byte, the lowest first."""
    length, prefix = len(data), b""
    while length > 0x7F:  # noqa: PLR2004 - seven bits
        prefix, length = prefix + bytes([length & 0x7F | 0x80]), length >> 7
    return prefix + bytes([length]) + data


def _named(text: object) -> bool:
    try:
        return isinstance(text, str) and len(text.encode()) <= _LONGEST and "\0" not in text
    except UnicodeEncodeError:
        return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Misshapen("a name stands twice")
    return made
