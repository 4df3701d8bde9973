"""`ostiary people`: add, invite again, list, show, grant and withdraw scopes."""

from ostiary.access import service as access
from ostiary.cli.terminal import DEFAULT_TENANT, answer, house, one, operator, plain, say, shown, table, to_the_second
from ostiary.enrolment import service as enrolment
from ostiary.enrolment.model import INVITATION_LIFE
from ostiary.house import House
from ostiary.identities import service as identities
from ostiary.identities.blocks import service as blocks
from ostiary.identities.blocks.model import Block
from ostiary.identities.model import Person, address_of
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.sessions import service as sessions
from ostiary.storage.tx import Tx

__all__ = ["add", "grant", "invite", "list_people", "show", "withdraw"]


def add(*, email: str, name: str = "", tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Add a person and print the one-time link for their first passkey.

    Parameters
    ----------
    email
        The person's e-mail address; it is kept sealed.
    name
        What pages call the person; at most 200 characters.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(fresh=True, tenant=tenant) as opened:

        def use_case(tx: Tx) -> tuple[Person, str] | Refusal:
            made = identities.add_person(tx, opened.keyring, operator(), email=email, name=name)
            return made if isinstance(made, Refusal) else (made, enrolment.invite(tx, operator(), made.id))

        outcome = opened.vault.transact_now(opened.scope, use_case)
        if isinstance(outcome, Refusal):
            return answer(outcome)
        person, token = outcome
        way = _way(opened, token)
    _hand_over({"person": person.id, "email": person.email} | way, "added", as_json=json_)
    return 0


def invite(person: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Print a fresh one-time link for somebody who is known.

    For a person who lost the old link, or every passkey. Links printed before are void; roles and passkeys stay.

    Parameters
    ----------
    person
        The person's id.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        outcome = opened.vault.transact_now(
            opened.scope, lambda tx: enrolment.invite_again(tx, opened.keyring, operator(), person)
        )
        if isinstance(outcome, Refusal):
            return answer(outcome)
        way = _way(opened, outcome)
    _hand_over({"person": person} | way, "invited", as_json=json_)
    return 0


def grant(person: str, scope: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Give a person a scope.

    Parameters
    ----------
    person
        The person's id.
    scope
        The scope, as noun.verb.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:

        def use_case(tx: Tx) -> bool | Refusal:
            refused = _odd(scope)
            if refused is None and identities.find_person(tx, opened.keyring, person) is None:
                refused = Refusal(Code.PERSON_UNKNOWN)
            return refused or access.grant_scope(tx, operator(), person, scope)

        outcome = opened.vault.transact_now(opened.scope, use_case)
    return _told(person, scope, ("granted to", "held already by"), outcome=outcome, as_json=json_)


def withdraw(person: str, scope: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Take a scope from a person.

    Printed once every check that is sent from then on goes without it.

    Parameters
    ----------
    person
        The person's id.
    scope
        The scope, as noun.verb.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        outcome = opened.vault.transact_now(
            opened.scope, lambda tx: _odd(scope) or sessions.withdraw_scope(tx, operator(), person, scope)
        )
    return _told(person, scope, ("withdrawn from", "not held by"), outcome=outcome, as_json=json_)


def _odd(scope: str) -> Refusal | None:
    return None if access.is_scope(scope) else Refusal(Code.SCOPE_MALFORMED)


def _told(person: str, scope: str, words: tuple[str, str], *, outcome: bool | Refusal, as_json: bool) -> int:
    if isinstance(outcome, Refusal):
        return answer(outcome, person if outcome.code is Code.PERSON_UNKNOWN else scope)
    if as_json:
        one({"person": person, "scope": scope, "changed": outcome}, as_json=True)
    else:
        say(f"{scope}: {words[0] if outcome else words[1]} {person}")
    return 0


def _way(opened: House, token: str) -> dict[str, object]:
    """Return what enrols a person: a link, and where pages do not serve the tenant, the token itself."""
    served = opened.scope.tenant == DEFAULT_TENANT
    return {"link": f"{opened.settings.origin}/enrol#{token}"} if served else {"token": token}


def _hand_over(made: dict[str, object], done: str, *, as_json: bool) -> None:
    if as_json:
        one(made | {"expires_in": INVITATION_LIFE // SECOND}, as_json=True)
        return
    say(f"{done} {made['person']}")
    if "link" in made:
        say("Send this link to the person. It works once, within 24 hours:")
    else:
        say("Hand this token to what enrols the person (`enrolment_token`). It works once, within 24 hours:")
    say(f"  {made.get('link') or made['token']}")


def list_people(*, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List all people, oldest first.

    Parameters
    ----------
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    with house(tenant=tenant) as opened:

        def listed(tx: Tx) -> list[dict[str, object]]:
            held, barred = access.holdings(tx), blocks.of_everybody(tx)
            people = identities.list_people(tx, opened.keyring)
            return [_fields(person, *held.get(person.id, ([], [])), barred.get(person.id, [])) for person in people]

        rows = opened.vault.read_now(opened.scope, listed)
    table(
        rows if json_ else list(map(_short, rows)),
        as_json=json_,
        empty="Nobody yet. `ostiary people add --email …` invites somebody.",
    )
    return 0


def show(who: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Show one person: who they are, what they may, and whether they are blocked.

    An address that nobody has is shown where it is blocked.

    Parameters
    ----------
    who
        The person's id, or their e-mail address.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        row = opened.vault.read_now(opened.scope, lambda tx: _looked_up(tx, opened.keyring, who))
    if isinstance(row, Refusal):
        return answer(row, who)
    shown(row, as_json=json_)
    return 0


def _looked_up(tx: Tx, keyring: Keyring, who: str) -> dict[str, object] | Refusal:
    found = identities.find_person(tx, keyring, who)
    address = address_of(who) if found is None else None
    if address is not None:
        meant = identities.people_of(tx, keyring, address)
        found = meant[0] if len(meant) == 1 else None
    if found is None:
        block = blocks.of_text(tx, keyring, who)
        return Refusal(Code.PERSON_UNKNOWN) if block is None else _nobody(who, block)
    return _fields(found, access.roles(tx, found.id), access.scopes(tx, found.id), blocks.of_person(tx, found.id))


def _nobody(address: str, block: Block) -> dict[str, object]:
    """Return the row of an address that is nobody's, and blocked."""
    row = _fields(Person("", address.strip(), "", block.at, block.at), [], [], [block])
    return row | {"id": None, "created_at": None}


def _short(row: dict[str, object]) -> dict[str, object]:
    kept = {"id": row["id"], "email": row["email"], "name": row["name"], "role": row["roles"], "scopes": row["scopes"]}
    since = row["blocked_since"]
    blocked = f"{to_the_second(str(since))} {plain(row['blocked_because'])}" if since else "-"
    shown = {name: plain(value) for name, value in kept.items()}
    return shown | {"added": to_the_second(str(row["created_at"])), "blocked": blocked}


def _fields(person: Person, roles: list[str], scopes: list[str], standing: list[Block]) -> dict[str, object]:
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "roles": roles,
        "scopes": scopes,
        "created_at": instant(person.created_at),
        "blocked": bool(person.blocked_at),
        "blocked_since": instant(person.blocked_at) if person.blocked_at else None,
        "blocked_because": [f"{block.kind}:{block.word.reason}" for block in standing],
    }
