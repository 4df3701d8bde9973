"""`ostiary limits`: list, set, remove the policies by which attempts are counted."""

import re

from ostiary.cli.terminal import DEFAULT_TENANT, answer, house, one, operator, say, table
from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.limits import service as limits
from ostiary.limits.model import DEFAULT, Policy

__all__ = ["list_policies", "remove", "set_policy"]

_TIME = re.compile(r"([0-9]{1,7})([smhd])\Z")
_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}
_RULES = {
    "name": "A name is letters, digits, _, . and -, 80 at most.",
    "window": "A window is 1s to 24h, written with its unit.",
    "soft": "Soft is 1 to 1000000 attempts.",
    "lockout": "Lockout is 1 to 1000000 attempts, and no less than soft.",
    "pause": "A pause is 1s to 7d, written with its unit.",
}
"""How each part of a policy is written."""


def set_policy(
    name: str = DEFAULT.name,
    /,
    *,
    window: str = "5m",
    soft: int = DEFAULT.soft,
    lockout: int = DEFAULT.lockout,
    pause: str = "15m",
    tenant: str = DEFAULT_TENANT,
    json_: bool = False,
) -> int:
    """Set the numbers of a policy.

    The next attempt is counted by them; a lockout that has begun lasts as long as it was told to.

    Parameters
    ----------
    name
        Its name.
    window
        How long attempts are counted together, at most 24h.
    soft
        How many pass in one window; from the next on: slow down.
    lockout
        With which one it closes.
    pause
        How long it is closed, at most 7d.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    made = Policy(name, _micros(window), soft, lockout, _micros(pause))
    with house(tenant=tenant) as opened:
        refused = opened.vault.transact_now(opened.scope, lambda tx: limits.set_policy(tx, operator(), made))
    if refused is not None:
        said = {"name": name, "window": window, "soft": soft, "lockout": lockout, "pause": pause}
        return answer(refused, "", " ".join(f"{part} {said[part]!r}: {_RULES[part]}" for part in refused.reasons))
    if json_:
        one(_fields(made, built_in=False), as_json=True)
    else:
        say(f"set {name}: {soft} in {window} pass, the {lockout}. closes for {pause}")
    return 0


def list_policies(*, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List all policies; `default` is always there.

    Parameters
    ----------
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    with house(tenant=tenant) as opened:
        found = opened.vault.read_now(opened.scope, limits.list_policies)
    rows = [_fields(rule, built_in=own) if json_ else _short(rule, built_in=own) for rule, own in found]
    table(rows, as_json=json_, empty="")
    return 0


def remove(name: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Remove a policy; `default` has its built-in numbers again.

    Nobody is let in under another name that was removed.

    Parameters
    ----------
    name
        Its name.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        refused = opened.vault.transact_now(opened.scope, lambda tx: limits.remove_policy(tx, operator(), name))
    if refused is not None:
        return answer(refused, name)
    if json_:
        one({"name": name}, as_json=True)
    else:
        say(f"removed {name}")
    return 0


def _micros(time: str) -> int:
    """Return a time in microseconds; 0, which no policy can have, for what is none."""
    match = _TIME.match(time)
    return int(match[1]) * _UNITS[match[2]] if match else 0


def _short(rule: Policy, *, built_in: bool) -> dict[str, object]:
    return {
        "name": rule.name,
        "window": f"{rule.window // SECOND} s",
        "soft": rule.soft,
        "lockout": rule.lockout,
        "pause": f"{rule.pause // SECOND} s",
        "set": "built in" if built_in else "by operator",
    }


def _fields(rule: Policy, *, built_in: bool) -> dict[str, object]:
    return {
        "name": rule.name,
        "window_seconds": rule.window // SECOND,
        "soft": rule.soft,
        "lockout": rule.lockout,
        "pause_seconds": rule.pause // SECOND,
        "built_in": built_in,
    }
