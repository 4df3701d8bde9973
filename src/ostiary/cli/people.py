"""`ostiary people`: list, add."""

import json

from ostiary.cli.terminal import answer, house, operator, say, table
from ostiary.enrolment import service as enrolment
from ostiary.identities import service as identities
from ostiary.identities.model import Person
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Refusal
from ostiary.storage.tx import Tx

__all__ = ["add", "list_people"]


def add(*, email: str, name: str = "", json_: bool = False) -> int:
    """Add a person and print the one-time link with which they make their first passkey.

    Parameters
    ----------
    email
        The person's e-mail address; kept encrypted.
    name
        What the person is called on pages.
    json_
        Print one JSON object.
    """
    with house() as opened:

        def use_case(tx: Tx) -> tuple[Person, str] | Refusal:
            made = identities.add_person(tx, opened.keyring, operator(), email=email, name=name)
            return made if isinstance(made, Refusal) else (made, enrolment.invite(tx, operator(), made.id))

        outcome = opened.vault.transact_now(opened.scope, use_case)
        if isinstance(outcome, Refusal):
            return answer(outcome)
        person, token = outcome
        link = f"{opened.settings.origin}/enrol#{token}"
    if json_:
        say(json.dumps({"person": person.id, "email": person.email, "link": link, "expires_in": 86400}))
    else:
        say(f"added {person.id}")
        say("Send this link to the person. It works once, within 24 hours:")
        say(f"  {link}")
    return 0


def list_people(*, json_: bool = False) -> int:
    """List all people, oldest first.

    Parameters
    ----------
    json_
        Print one JSON object a line.
    """
    with house() as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: identities.list_people(tx, opened.keyring))
    rows = [{"id": p.id, "email": p.email, "name": p.name, "made": instant(p.created_at)} for p in found]
    table(rows, as_json=json_, empty="Nobody yet. `ostiary people add --email …` invites somebody.")
    return 0
