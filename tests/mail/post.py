"""A home that writes letters: what a login method or recovery would do, and the postman that carries them."""

from ostiary import elsewhere
from ostiary.kernel.clock import MINUTE
from ostiary.mail import service
from ostiary.mail.delivery import Postman
from ostiary.mail.model import Letter, Sent, Verdict
from tests.sessions.home import OPERATOR

CODE = Letter("ada@example.test", "Ihr Anmeldecode – 493 021", "Code: 493021 ü\n", "login_code", life=5 * MINUTE)
NOTICE = Letter("ada@example.test", "A passkey was added", "If that was not you, answer.\n", "notice")


def queue(home, letter=NOTICE, **given):
    """Queue one letter in a transaction of its own; return its id (or the refusal)."""
    return home.act(lambda tx: service.queue(tx, home.house.keyring, OPERATOR, letter, **given))


def postman(home, sender=None, house=None):
    """The postman as the application makes it; another `sender`, or another process's house, on demand."""
    house = house or home.house
    return Postman(house.vault, home.scope, house.keyring, sender or made_sender(home, house), elsewhere._mode)


def made_sender(home, house=None):
    """The sender as the application makes it."""
    return elsewhere._sender(house or home.house)


def deliver(home, sender=None):
    """One round of delivery."""
    ask(home, lambda postman: postman.deliver(), sender)


def ask(home, act, sender=None):
    """Let the postman do something."""
    return home.run(act(postman(home, sender)))


def told(home):
    """The receipts of mail so far: (operation, reasons)."""
    return [(one.operation, one.reasons) for one in home.receipts() if one.operation.startswith("mail.")]


def waiting(home):
    """What waits in the outbox."""
    return home.read(lambda tx: service.waiting(tx, home.house.keyring, 100))


def captured(home):
    """What was captured, opened."""
    return home.read(lambda tx: service.captured(tx, home.house.keyring, 100))


class Scripted:
    """A sender that answers these outcomes in turn, then SENT; keeps what it was given."""

    def __init__(self, *outcomes, repeats=True):
        self.left, self.repeats, self.came = list(outcomes), repeats, []

    async def probe(self):
        return ""

    async def send(self, parcel):
        self.came.append(parcel)
        outcome = self.left.pop(0) if self.left else Sent(Verdict.SENT)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
