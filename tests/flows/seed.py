"""Sessions by the hundred, opened by the server's own use case on the same database, beside a running server."""

from contextlib import closing
from functools import partial
from pathlib import Path

from ostiary.house import open_house, prepare
from ostiary.kernel.values import ANONYMOUS, Factor, Proof
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.service import Opening
from ostiary.sessions.service import Rules, open_session
from ostiary.settings import read_settings
from tests.login.email_code.handset import new_key

_BATCH = 200


def seed(served, count):
    """Open a session for each of `count` people; return cookie values by session id."""
    return opened_for(served, [f"user-{number}" for number in range(count)])


def opened_for(served, people):
    """Open a session for each of these people (one may stand there often); return cookie values by session id."""
    settings = read_settings(served.environ, Path(served.folder))
    prepare(settings)
    house = open_house(settings)
    rules = Rules(house.keyring, settings.sessions)
    cookies = {}

    def batch(tx, some):
        for number, person in enumerate(some):
            proof = Proof(person, Factor.PASSKEY, tx.now, f"la-seed-{tx.now}-{number}")
            opened = open_session(tx, rules, ANONYMOUS, proof, "Seed on Linux")
            cookies[opened.session.id] = opened.cookie

    for start in range(0, len(people), _BATCH):
        house.vault.transact_now(house.scope, partial(batch, some=people[start : start + _BATCH]))
    house.close()
    return cookies


def devices_of(served, person, *lives):
    """Open a device's session for each of these times to live, 0 for ever; return their ids."""
    with closing(open_house(read_settings(served.environ, Path(served.folder)))) as house:

        def use_case(tx):
            wishes = [
                Opening(person, new_key(), f"challenge-{person}-{tx.now}-{n}", life) for n, life in enumerate(lives)
            ]
            return [devices.open_session(tx, ANONYMOUS, wish).id for wish in wishes]

        return house.vault.transact_now(house.scope, use_case)
