"""`ostiary sessions limit`: how many device sessions one person may have."""

from ostiary.cli.terminal import DEFAULT_TENANT, answer, house, one, operator, say
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.refusals import Refusal
from ostiary.sessions.device import service as devices
from ostiary.storage.tx import Tx

__all__ = ["limit"]


def limit(most: int | None = None, /, *, none: bool = False, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Show or set how many device sessions one person may have.

    The next sign-in of a device counts by it; sessions that live already stay. Without a number and without --none it
    shows what is set.

    Parameters
    ----------
    most
        How many at most, from 1 on.
    none
        Let everybody have as many as they like.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    if most is not None and none:
        raise SettingsError("a number, or --none: one of the two")
    with house(tenant=tenant) as opened:
        if most is None and not none:
            stands = opened.vault.read_now(opened.scope, devices.limit)
        else:
            refused = opened.vault.transact_now(opened.scope, lambda tx: _set(tx, most))
            if refused is not None:
                return answer(refused, str(most), "A limit is a number from 1 on; --none takes it away.")
            stands = most
    if json_:
        one({"most": stands}, as_json=True)
    else:
        say("no limit" if stands is None else f"{stands} device session{'s' * (stands != 1)} for each person")
    return 0


def _set(tx: Tx, most: int | None) -> Refusal | None:
    return devices.set_limit(tx, operator(), most)
