"""Sessions by the hundred, opened by the server's own use case on the same database, beside a running server."""

from functools import partial
from pathlib import Path

from ostiary.house import open_house, prepare
from ostiary.kernel.values import ANONYMOUS, Factor, Proof
from ostiary.sessions.service import Rules, open_session
from ostiary.settings import read_settings

_BATCH = 200


def seed(served, count, person="user-AAAAAAAAAAAAAAAAAAAAAA"):
    """Open `count` sessions of one person; return cookie values by session id."""
    settings = read_settings(served.environ, Path(served.folder))
    prepare(settings)
    house = open_house(settings)
    rules = Rules(house.keyring, settings.sessions)

    def batch(tx, start, stop):
        for number in range(start, stop):
            proof = Proof(person, Factor.PASSKEY, tx.now, f"la-seed-{tx.now}-{number}")
            opened = open_session(tx, rules, ANONYMOUS, proof, "Seed on Linux")
            cookies[opened.session.id] = opened.cookie

    cookies = {}
    for start in range(0, count, _BATCH):
        house.vault.transact_now(house.scope, partial(batch, start=start, stop=min(start + _BATCH, count)))
    house.close()
    return cookies
