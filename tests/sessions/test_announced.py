"""What a revoked key ends is announced like every other end: nodes on PostgreSQL follow transactions, not rows."""

from ostiary.sessions.revocation import revoke_key
from tests.sessions.home import OPERATOR


def test_the_ends_by_a_revoked_key_carry_the_transaction_that_made_them(anywhere):
    home, house = anywhere, anywhere.house
    ended = {home.open()[0].id for _ in range(3)}
    key = home.key().id
    home.act(lambda tx: revoke_key(tx, house.sealer, house.keyring, OPERATOR, key))
    rows = home.rows("SELECT kind, subject, xid FROM outbox ORDER BY id")
    assert {subject for kind, subject, _ in rows if kind == "session"} == ended
    ids = {xid for *_, xid in rows}
    assert len(ids) == 1, "they and the key itself were announced by one transaction"
    assert (ids == {0}) is not bool(home.url)
