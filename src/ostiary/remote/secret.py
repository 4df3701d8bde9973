"""Secrets that services elsewhere want to see, each in a file of its own."""

import re
from pathlib import Path

from ostiary.kernel.errors import BootRefused

__all__ = ["read_secret", "read_token"]

_LONGEST_SECRET = 4096
_TOKEN = re.compile(r"[!-~]*\Z")


def read_secret(path: Path | None) -> str:
    """Read a file that holds one line; "" for no file. Raises BootRefused, and says nothing of what is in it."""
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            secret = file.read(_LONGEST_SECRET).decode("utf-8").strip("\r\n")
    except (OSError, ValueError) as fault:
        said = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise BootRefused(f"cannot read the secret in {path}: {said}") from None
    if not secret or not secret.isprintable():
        raise BootRefused(f"the file {path} must hold one secret on one line")
    return secret


def read_token(path: Path | None) -> str:
    """Read a file that holds a bearer token (RFC 6750 section 2.1), as `read_secret` does."""
    token = read_secret(path)
    if not _TOKEN.match(token):
        raise BootRefused(f"the file {path} must hold one bearer token: visible ASCII, without a space")
    return token
