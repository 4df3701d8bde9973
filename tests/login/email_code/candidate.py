"""The e-mail code as a candidate for the contract of login methods: who knows an address reads its letters."""

import json
import secrets

from ostiary.identities import service as identities
from ostiary.kernel.ids import unb64url
from ostiary.login.methods.email_code.method import challenge_of
from ostiary.presence.model import Challenge, Purpose
from tests.contracts.login_method import Candidate, asker
from tests.login.email_code.letters import forget_letters, letters


class EmailCodeCandidate(Candidate):
    name = "email_code"
    guesses = 5
    of_another = (401, "login_refused")

    def __init__(self):
        self.addresses = {}

    def meet(self, visitor):
        self.addresses[visitor] = address_of(visitor.served, visitor.person)

    def begins(self, visitor):
        if visitor is None:
            return {"email": f"{secrets.token_hex(8)}@example.test"}
        forget_letters(visitor.served)
        return {"email": self.addresses[visitor]}

    def right(self, visitor, asked):
        return {"code": code_of(visitor.served, asked, self.addresses[visitor])}

    def wrong(self, visitor, asked):
        return {"code": another(code_of(visitor.served, asked, self.addresses[visitor]))}

    def unknown(self, asked):
        return {"code": "123456"}


def address_of(gatehouse, person):
    """The address of a person."""
    return gatehouse.read(lambda tx: identities.find_person(tx, gatehouse.house.keyring, person)).email


def code_of(gatehouse, asked, address):
    """The code that belongs to an attempt; for an attempt without a letter the newest one of that address, if any."""
    browser = json.loads(unb64url(asked["attempt"].split(".")[1]))[4]
    attempt = asker(gatehouse).recognise(gatehouse.scope, asked["attempt"], frozenset(Purpose), browser)
    written = letters(gatehouse, address)
    own = [one for one in written if isinstance(attempt, Challenge) and one.key == challenge_of(attempt)]
    return (own or written)[-1].code if own or written else "000000"


def another(code):
    """A code that is wrong where that one is right."""
    return f"{(int(code) + 1) % 10**6:06}"
