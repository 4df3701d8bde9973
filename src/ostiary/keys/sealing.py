"""Sealing at rest: AES-256-GCM (NIST SP 800-38D) bound to the place where the value is kept (ruling 1)."""

import os
import stat
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ostiary.kernel.errors import BootRefused, SealBroken
from ostiary.kernel.ids import Secrets, b64url, unb64url

__all__ = ["Sealer", "make_kek", "read_kek"]

_VERSION = b"\x01"
_NONCE = 12
_KEY = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Sealer:
    """Seals and opens byte strings. `place` is (table, id, tenant): a value moved elsewhere does not open."""

    def __init__(self, key: bytes, secrets: Secrets) -> None:
        self._cipher, self._secrets = _cipher(key), secrets

    def seal(self, place: tuple[str, str, str], data: bytes) -> bytes:
        """Return version byte, nonce and ciphertext."""
        nonce = self._secrets(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, data, "|".join(place).encode())

    def open(self, place: tuple[str, str, str], sealed: bytes) -> bytes:
        """Return the value. Raises SealBroken on a wrong key, place, version, or an altered byte."""
        if sealed[:1] != _VERSION or len(sealed) <= 1 + _NONCE:
            raise SealBroken(f"not a sealed value: {place[0]} {place[1]}")
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, body, "|".join(place).encode())
        except InvalidTag:
            raise SealBroken(f"does not open under this key: {place[0]} {place[1]}") from None


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def make_kek(path: Path, secrets: Secrets) -> bool:
    """Create the key-encryption key file with mode 0600; False when a file is already there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(file, "w") as out:
        out.write(b64url(secrets(_KEY)) + "\n")
        out.flush()
        os.fsync(out.fileno())
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable too: a lost key-encryption key takes every sealed value with it."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def read_kek(path: Path) -> bytes:
    """Read the key-encryption key. Raises BootRefused, saying what to do, when it is missing, open or odd."""
    try:
        if path.stat().st_mode & _OTHERS:
            raise BootRefused(f"others may read the key-encryption key {path}: run chmod 600 {path}")
        key = unb64url(path.read_text("ascii").strip())
    except FileNotFoundError:
        raise BootRefused(
            f"no key-encryption key at {path.absolute()}: run `ostiary init` to make one, "
            "or set OSTIARY_DATA_DIR to the folder of the server that runs"
        ) from None
    except (OSError, ValueError) as fault:
        raise BootRefused(f"cannot read the key-encryption key {path}: {fault}") from fault
    if len(key) != _KEY:
        raise BootRefused(
            f"the key-encryption key {path} must hold {_KEY} bytes in base64url, not {len(key)}: put the right one back"
        )
    return key
