"""A device's Ed25519 key, in a file that nobody else can read. The private half never leaves it."""

import base64
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ostiary_client.device.envelope import Envelope, signing_input

__all__ = ["DeviceKey", "KeyFileRefused"]

_LARGEST, _SIGNATURE = 4096, 64
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFileRefused(Exception):
    """A key file is not used as it is; the text says why and what to do."""


class DeviceKey:
    """One key. `open` is the usual way: it reads the file, and makes it where there is none."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def make(cls) -> "DeviceKey":
        """Return a new key that lies in no file."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def open(cls, path: Path | str) -> "DeviceKey":
        """Return the key in this file; where there is no file, make key and file. Raises KeyFileRefused, OSError.

        Of several programs that make it at once, all return the one that is in the file in the end.
        """
        path = Path(path)
        try:
            return cls.load(path)
        except FileNotFoundError:
            with suppress(FileExistsError):
                cls.make().save(path)
            return cls.load(path)

    @classmethod
    def load(cls, path: Path | str) -> "DeviceKey":
        """Read a key file. Raises FileNotFoundError, and KeyFileRefused where others may read it, or it is no key."""
        with open(path, "rb", opener=_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
                raise KeyFileRefused(f"{path} is no key file")
            if found.st_mode & _OTHERS:
                raise KeyFileRefused(f"others may use {path}: run chmod 600 on it, and think of the key as known")
            if found.st_uid != os.geteuid():
                raise KeyFileRefused(f"{path} belongs to somebody else")
            raw = file.read()
        try:
            private = load_pem_private_key(raw, None)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileRefused(f"{path} holds no private key in PEM without a password") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFileRefused(f"{path} holds no Ed25519 key")
        return cls(private)

    def save(self, path: Path | str) -> None:
        """Write the key to a new file, mode 0600, whole or not at all. Raises FileExistsError: none is overwritten."""
        path = Path(path)
        raw = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        number, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # NOTE: its mode is 0600
        try:
            with os.fdopen(number, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)
        finally:
            Path(beside).unlink()
        _settle(path.parent)

    @property
    def public(self) -> str:
        """The public key as `confirm-email-code` takes it: the raw 32 bytes in padded base64."""
        return base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def sign(
        self,
        device_session_id: str,
        message_type: str,
        payload: bytes,
        *,
        request_id: str,
        timestamp_ms: int,
        trace_id: str = "",
    ) -> Envelope:
        """Return the signed envelope of one request. Raises ValueError where a field cannot be sent."""
        unsigned = Envelope(
            device_session_id=device_session_id,
            message_type=message_type,
            timestamp_ms=timestamp_ms,
            request_id=request_id,
            payload_bytes=payload,
            payload_hash=sha256(payload).digest(),
            signature=bytes(_SIGNATURE),
            trace_id=trace_id,
        )
        return replace(unsigned, signature=self._private.sign(signing_input(unsigned)))

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"DeviceKey({self.public!r})"


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever may write at the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _settle(folder: Path) -> None:
    """Let a new name in a folder outlive a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
