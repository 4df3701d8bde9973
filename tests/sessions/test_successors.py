"""What ends a bearer token ends what was made of it: a successor is no way round an end (either database)."""

from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason
from ostiary.sessions.revocation import revoke_key
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR
from tests.sessions.test_bearer import check, issued
from tests.sessions.test_refresh import refresh


def test_ending_a_token_that_was_refreshed_meanwhile_ends_its_successor(anywhere):
    """The operator ends what they see in the list; whoever holds the token refreshes it a moment before."""
    session, token = issued(anywhere, life=HOUR)
    fresh = refresh(anywhere, token).json["token"]
    anywhere.act(lambda tx: sessions.end(tx, OPERATOR, session.id, EndReason.ENDED_BY_OPERATOR))
    anywhere.clock.turn(10_000)
    assert check(anywhere, fresh).status == 401, "answered 'ended', and the same holder goes on"


def test_revoking_a_stolen_key_ends_the_successors_of_what_it_signed(anywhere):
    """Whoever has the key makes any token that it signed, and refreshes it under the next key."""
    home = anywhere
    _, token = issued(home, life=HOUR)
    stolen = home.key().id
    home.beside().rotate()
    home.clock.turn(2_000_000)
    home.restart()
    assert home.key().id != stolen
    fresh = refresh(home, token).json["token"]
    assert fresh.split(".")[2] != stolen
    home.act(lambda tx: revoke_key(tx, home.house.sealer, home.house.keyring, OPERATOR, stolen))
    home.clock.turn(10_000)
    assert check(home, fresh).status == 401
