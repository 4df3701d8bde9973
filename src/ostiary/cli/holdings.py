"""`ostiary standings` and `ostiary devices`: what a person holds, and what they act through."""

from collections.abc import Callable

from ostiary.access import standings
from ostiary.cli.terminal import DEFAULT_TENANT, answer, house, one, operator, say, table
from ostiary.identities import devices
from ostiary.identities import service as identities
from ostiary.kernel.refs import ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller
from ostiary.storage.tx import Tx

__all__ = ["add_device", "add_standing", "list_devices", "list_standings"]

_Add = Callable[[Tx, Caller, str, str], Refusal | None]
_List = Callable[[Tx, str], list[str]]


def add_standing(person: str, name: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Note that a person holds a standing: an authority that exists elsewhere, which a session may name.

    Parameters
    ----------
    person
        The person's id.
    name
        The standing's name, as in standing:NAME.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    return _add(standings.add, "standing", (person, name), tenant, as_json=json_)


def list_standings(person: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List what a person holds.

    Parameters
    ----------
    person
        The person's id.
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    return _list(standings.list_of, "standing", person, tenant, as_json=json_)


def add_device(person: str, name: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Note that a device is a person's.

    Parameters
    ----------
    person
        The person's id.
    name
        The device's name, as in vessel:NAME.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    return _add(devices.add, "vessel", (person, name), tenant, as_json=json_)


def list_devices(person: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List what a person acts through.

    Parameters
    ----------
    person
        The person's id.
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    return _list(devices.list_of, "vessel", person, tenant, as_json=json_)


def _add(use_case: _Add, kind: str, given: tuple[str, str], tenant: str, *, as_json: bool) -> int:
    person, name = given
    with house(tenant=tenant) as opened:
        refused = opened.vault.transact_now(opened.scope, lambda tx: use_case(tx, operator(), person, name))
    if refused is not None:
        return answer(refused, person if refused.code is Code.PERSON_UNKNOWN else name)
    if as_json:
        one({"person": person, "ref": ref(kind, name)}, as_json=True)
    else:
        say(f"{ref(kind, name)} is of {person}")
    return 0


def _list(use_case: _List, kind: str, person: str, tenant: str, *, as_json: bool) -> int:
    with house(tenant=tenant) as opened:
        known, names = opened.vault.read_now(
            opened.scope, lambda tx: (identities.is_known(tx, person), use_case(tx, person))
        )
    if not known:
        return answer(Refusal(Code.PERSON_UNKNOWN), person)
    table([{"ref": ref(kind, name)} for name in names], as_json=as_json, empty=f"No {kind} of theirs is known.")
    return 0
