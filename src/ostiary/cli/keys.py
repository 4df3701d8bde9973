"""`ostiary keys`: list, rotate."""

from ostiary.cli.terminal import answer, house, operator, say, table
from ostiary.kernel.clock import instant
from ostiary.keys import service
from ostiary.keys.model import ROTATABLE, Purpose

__all__ = ["list_keys", "rotate"]


def list_keys(*, json_: bool = False) -> int:
    """List the keys of the default tenant: purpose, version, state. No secret is shown.

    Parameters
    ----------
    json_
        Print one JSON object a line.
    """
    with house() as opened:
        found = opened.keyring.all()
    rows = [
        {
            "id": key.id,
            "purpose": key.purpose.value,
            "version": key.version,
            "state": "retired" if key.retired_at else "active",
            "made": instant(key.created_at),
            "retired": instant(key.retired_at) if key.retired_at else "-",
            "public": key.public.hex() or "-",
        }
        for key in found
    ]
    table(rows, as_json=json_, empty="No key yet.")
    return 0


def rotate(*, purpose: Purpose = Purpose.SESSION) -> int:
    """Put a new key in service. What the old one signed stays good for the retention time.

    Parameters
    ----------
    purpose
        session, prelogin or receipt; the other keys are in values that do not name them and cannot be rotated.
    """
    if purpose not in ROTATABLE:
        say(f"{purpose} cannot be rotated: its values do not name their key.")
        return 2
    with house() as opened:
        made = opened.vault.transact_now(
            opened.scope, lambda tx: service.rotate(tx, opened.sealer, opened.keyring, operator(), purpose)
        )
    say(f"{purpose} key {made.id} version {made.version} is active")
    return answer(made)
