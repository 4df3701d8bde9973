"""`ostiary services`: add, list, show, change, rotate, remove."""

from typing import Annotated

from ostiary.cli.terminal import answer, between, house, one, operator, plain, say, shown, table, to_the_second
from ostiary.invocation.disclosure import FACTS
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.refusals import Code, Refusal
from ostiary.services import service
from ostiary.services.model import Registration, Service
from ostiary.storage.tx import Tx

__all__ = ["add", "change", "list_services", "remove", "rotate", "show"]

_DAY_S = 86_400
_LONGEST_S = 30 * _DAY_S

_RULES = {
    "name": "A name is lower-case letters, digits and hyphens after a first letter, 63 at most.",
    "host": "A host is a name in lower case, and its port (1 to 65535) unless it is the usual one; no https://, no /.",
    "scope": "A scope is words in lower case with dots between them, such as reports.read.",
    "fact": f"A service may learn {', '.join(FACTS)}.",
}
"""How each part of a registration is written."""
_MANY = "A service has at most 32 hosts and 32 scopes."

Seconds = Annotated[int, between(1, _LONGEST_S, "A number of seconds between 1 and 2592000 (30 days) is expected.")]


def add(
    name: str,
    /,
    *,
    host: tuple[str, ...] = (),
    scope: tuple[str, ...] = (),
    discloses: tuple[str, ...] = (),
    require_key: bool = False,
    json_: bool = False,
) -> int:
    """Register a service and print its key, this once.

    Only a hash of the key is kept. A service that was removed and is added again sees new references.

    Parameters
    ----------
    name
        Its name in the path of the check, /check/NAME.
    host
        A host that it answers on, such as app.example.test or localhost:3000; may be given several times.
    scope
        A scope that its callers must hold, such as reports.read; may be given several times.
    discloses
        A fact that it may learn: person, factor, signed_in_at, name or email; may be given several times.
    require_key
        Refuse checks that come without its key.
    json_
        Print one JSON object.
    """
    asked = Registration(name, host, scope, discloses, require_key)
    with house(fresh=True) as opened:
        outcome = opened.vault.transact_now(opened.scope, lambda tx: service.add(tx, operator(), asked))
    return _handed_over(outcome, name, "added", as_json=json_)


def list_services(*, json_: bool = False) -> int:
    """List all services; `default` is always there.

    Parameters
    ----------
    json_
        Print one JSON object a line.
    """
    with house() as opened:
        rows = opened.vault.read_now(opened.scope, lambda tx: [_fields(tx, found) for found in service.listed(tx)])
    table(rows if json_ else list(map(_short, rows)), as_json=json_, empty="No service.")
    return 0


def show(name: str, /, *, json_: bool = False) -> int:
    """Show one service.

    Its key is not shown: nobody has it but the service.

    Parameters
    ----------
    name
        The service's name.
    json_
        Print one JSON object.
    """
    with house() as opened:
        row = opened.vault.read_now(opened.scope, lambda tx: _found(tx, name))
    if isinstance(row, Refusal):
        return answer(row, name)
    shown(row, as_json=json_)
    return 0


def change(
    name: str,
    /,
    *,
    scope: tuple[str, ...] = (),
    discloses: tuple[str, ...] = (),
    require_key: bool = False,
    json_: bool = False,
) -> int:
    """State anew what a service requires and may learn.

    What is not given is taken away. Printed once every check that is sent from then on goes by it. Hosts and key stay.

    Parameters
    ----------
    name
        The service's name.
    scope
        A scope that its callers must hold; may be given several times.
    discloses
        A fact that it may learn; may be given several times.
    require_key
        Refuse checks that come without its key.
    json_
        Print one JSON object.
    """
    asked = Registration(name, (), scope, discloses, require_key)
    with house() as opened:
        outcome = opened.vault.transact_now(opened.scope, lambda tx: service.change(tx, operator(), asked))
        row = opened.vault.read_now(opened.scope, lambda tx: _found(tx, name))
    if isinstance(outcome, Refusal):
        return _refused(outcome, name)
    if isinstance(row, Refusal):
        return _refused(row, name)
    if json_:
        one(row, as_json=True)
    else:
        say(f"changed {name}")
    return 0


def rotate(name: str, /, *, grace: Seconds = _DAY_S, now: bool = False, json_: bool = False) -> int:
    """Give a service a new key and print it, this once.

    Parameters
    ----------
    name
        The service's name.
    grace
        For how many seconds the old key is good beside the new one.
    now
        End the old key at once; printed once every check that is sent with it from then on is refused.
    json_
        Print one JSON object.
    """
    if now and grace != _DAY_S:
        raise SettingsError("give --grace or --now: one of the two")
    left = 0 if now else grace * SECOND
    with house() as opened:
        outcome = opened.vault.transact_now(opened.scope, lambda tx: service.rotate(tx, operator(), name, left))
    return _handed_over(outcome, name, "gave a new key to", as_json=json_)


def remove(name: str, /, *, json_: bool = False) -> int:
    """Remove a service.

    Printed once every check for it that is sent from then on is refused. Its hosts are free for others.

    Parameters
    ----------
    name
        The service's name.
    json_
        Print one JSON object.
    """
    with house() as opened:
        refused = opened.vault.transact_now(opened.scope, lambda tx: service.remove(tx, operator(), name))
    if refused is not None:
        return answer(refused, name)
    if json_:
        one({"name": name, "removed": True}, as_json=True)
    else:
        say(f"removed {name}")
    return 0


def _handed_over(outcome: str | Refusal, name: str, done: str, *, as_json: bool) -> int:
    """Print a key that was just made, or why there is none."""
    if isinstance(outcome, Refusal):
        return _refused(outcome, name)
    if as_json:
        one({"name": name, "key": outcome}, as_json=True)
        return 0
    say(f"{done} {name}")
    say("Its key, shown this once; send it as Ostiary-Service-Key:")
    say(f"  {outcome}")
    return 0


def _refused(refusal: Refusal, name: str) -> int:
    """Print why there is none: of what is malformed, each word with the rule that it breaks."""
    if refusal.code is not Code.SERVICE_MALFORMED:
        return answer(refusal, name)
    wrong = (reason.partition(":") for reason in refusal.reasons)
    return answer(
        refusal, words=" ".join(f"{part} {word!r}: {_RULES[part]}" if word else _MANY for part, _, word in wrong)
    )


def _found(tx: Tx, name: str) -> dict[str, object] | Refusal:
    found = service.find(tx, name)
    return found if isinstance(found, Refusal) else _fields(tx, found)


def _fields(tx: Tx, found: Service) -> dict[str, object]:
    ends = found.old_key_until if found.old_key_hash and tx.now < found.old_key_until else 0
    return {
        "name": found.name,
        "hosts": list(service.hosts_of(tx, found.name)),
        "scopes": list(found.scopes),
        "discloses": list(found.discloses),
        "requires_key": found.requires_key,
        "scope_id": found.scope_id,
        "created_at": instant(found.created_at) if found.created_at else None,
        "old_key_ends_at": instant(ends) if ends else None,
    }


def _short(row: dict[str, object]) -> dict[str, object]:
    shown = {field: plain(row[field]) for field in ("name", "hosts", "scopes", "discloses", "requires_key")}
    since = row["created_at"]
    return shown | {"since": to_the_second(str(since)) if since else "-"}
