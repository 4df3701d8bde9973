"""`ostiary purposes`: declare, list, remove what presence can be asked for."""

import re
from typing import Literal

from ostiary.cli.terminal import answer, house, one, operator, say, table
from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.refusals import Refusal
from ostiary.presence import purposes
from ostiary.presence.model import Minimum, PurposeRule

__all__ = ["add", "list_purposes", "remove"]

_LIFE = re.compile(r"([0-9]{1,3})([sm])\Z")
_RULES = {
    "name": "A name is noun.verb: lower-case letters, digits and _ on both sides of one dot, 64 at most in all.",
    "title": "A title is 1 to 64 letters on one line, nothing invisible among them.",
    "life": "A life is 1s to 5m, written with its unit.",
}
"""How each part of a purpose is written."""
_UNITS = {"s": SECOND, "m": MINUTE}


def add(
    name: str,
    /,
    *,
    title: str = "",
    minimum: Literal["passkey", "any"] = "passkey",
    commits_operation: bool = False,
    life: str = "5m",
    json_: bool = False,
) -> int:
    """Declare a purpose for the services behind Ostiary.

    Parameters
    ----------
    name
        Its name, as noun.verb: invoice.pay.
    title
        What the page calls it; without one, the words of the name.
    minimum
        A user-verified passkey where the person has one, or any method.
    commits_operation
        A proof approves one operation only: the service sends its digest and a sentence for the person.
    life
        How long a proof serves, at most 5m.
    json_
        Print one JSON object.
    """
    said = title or " ".join(reversed(name.replace("_", " ").split("."))).capitalize()
    rule = PurposeRule(name, said, Minimum(minimum), commits_operation, _micros(life))
    with house() as opened:
        refused = opened.vault.transact_now(opened.scope, lambda tx: purposes.add(tx, operator(), rule))
    if refused is not None:
        given = {"name": name, "life": life} | ({"title": title} if title else {})
        wrong = (f"{part} {given[part]!r}: {_RULES[part]}" for part in refused.reasons if part in given)
        return answer(refused, "" if refused.reasons else name, " ".join(wrong))
    if json_:
        one(_fields(rule, ours=False), as_json=True)
    else:
        say(f"declared {name}: {said}")
    return 0


def list_purposes(*, json_: bool = False) -> int:
    """List all purposes, Ostiary's own first.

    Parameters
    ----------
    json_
        Print one JSON object a line.
    """
    with house() as opened:
        found = opened.vault.read_now(opened.scope, purposes.every)
    rows = [_fields(rule, ours=ours) if json_ else _short(rule, ours=ours) for rule, ours in found]
    table(rows, as_json=json_, empty="")
    return 0


def remove(name: str, /, *, json_: bool = False) -> int:
    """Remove a declared purpose; proofs for it that nobody has used are void.

    Parameters
    ----------
    name
        Its name.
    json_
        Print one JSON object.
    """
    with house() as opened:
        outcome = opened.vault.transact_now(opened.scope, lambda tx: purposes.remove(tx, operator(), name))
    if isinstance(outcome, Refusal):
        return answer(outcome, name)
    if json_:
        one({"name": name, "voided": outcome}, as_json=True)
    else:
        say(f"removed {name}; {outcome} unused proofs are void")
    return 0


def _micros(life: str) -> int:
    """Return a life in microseconds; 0, which no purpose can have, for what is none."""
    match = _LIFE.match(life)
    return int(match[1]) * _UNITS[match[2]] if match else 0


def _short(rule: PurposeRule, *, ours: bool) -> dict[str, object]:
    commits = "one operation" if rule.commits_operation else "the purpose"
    return {
        "name": rule.name,
        "title": rule.title,
        "minimum": rule.minimum.value,
        "approves": commits,
        "life": f"{rule.life // SECOND} s",
        "declared": "built in" if ours else "by operator",
    }


def _fields(rule: PurposeRule, *, ours: bool) -> dict[str, object]:
    return {
        "name": rule.name,
        "title": rule.title,
        "minimum": rule.minimum.value,
        "commits_operation": rule.commits_operation,
        "life_seconds": rule.life // SECOND,
        "built_in": ours,
    }
