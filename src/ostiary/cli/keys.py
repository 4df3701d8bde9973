"""`ostiary keys`: list, rotate."""

from typing import Literal

from ostiary.cli.terminal import house, one, operator, say, table, to_the_second
from ostiary.kernel.clock import instant
from ostiary.keys import service
from ostiary.keys.model import Key, Purpose

__all__ = ["list_keys", "rotate"]


def list_keys(*, json_: bool = False) -> int:
    """List the keys of the default tenant; no secret is shown.

    Parameters
    ----------
    json_
        Print one JSON object a line; receipt keys come with their public half.
    """
    with house() as opened:
        found = opened.keyring.all()
    table([_fields(key) if json_ else _short(key) for key in found], as_json=json_, empty="No key yet.")
    return 0


def rotate(*, purpose: Literal["session", "prelogin", "receipt"] = "session", json_: bool = False) -> int:
    """Put a new key in service.

    What the old one signed stays good for OSTIARY_SIGNING_KEY_RETENTION; running servers take up the new one within a
    second. Keys of other purposes cannot be rotated: their values do not name their key.

    Parameters
    ----------
    purpose
        What the key is for.
    json_
        Print one JSON object.
    """
    with house() as opened:
        made = opened.vault.transact_now(
            opened.scope,
            lambda tx: service.rotate(tx, opened.sealer, opened.keyring, operator(), Purpose(purpose)),
        )
    if json_:
        one(_fields(made), as_json=True)
    else:
        say(f"{purpose} key {made.id}, version {made.version}, is in service")
    return 0


def _short(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "purpose": key.purpose.value,
        "version": key.version,
        "state": "retired" if key.retired_at else "active",
        "since": to_the_second(instant(key.retired_at or key.created_at)),
    }


def _fields(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "purpose": key.purpose.value,
        "version": key.version,
        "state": "retired" if key.retired_at else "active",
        "created_at": instant(key.created_at),
        "retired_at": instant(key.retired_at) if key.retired_at else None,
        "public": key.public.hex() or None,
    }
