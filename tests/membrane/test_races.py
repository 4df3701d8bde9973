"""Two at once, at two nodes, with one proof, one challenge, one evaluation: exactly one wins, on both databases."""

from contextlib import closing

import pytest

from ostiary import app
from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Mode
from ostiary_client.authenticator import SoftPasskey
from tests.membrane.stage import Stage, good
from tests.sessions.home import Home

FEW, MANY = 20, 1000


@pytest.fixture
def stage(tmp_path, database_url):
    with closing(Home(tmp_path, url=database_url, TRUSTED_PROXIES="127.0.0.1")) as home:
        made = Stage(home, "rhein", Mode.LIVE)
        made.rival = app.build(home.beside().house)
        yield made


def counted(stage, table):
    """How many rows there are."""
    return stage.home.rows(f"SELECT count(*) FROM {table}")[0][0]


def once(stage, table, one, other):
    """Send both at once: exactly one is admitted, and makes exactly one row; return (what won, what lost)."""
    before = counted(stage, table)
    heard = stage.home.together(stage.sending(one), stage.sending(other, stage.rival))
    assert sorted(each.status == 200 for each in heard) == [False, True], [each.json for each in heard]
    assert counted(stage, table) == before + 1
    won, lost = sorted(heard, key=lambda each: each.status)
    assert won.status < lost.status < 500, lost.json
    return won, lost


def finishes(stage):
    """One login, finished twice."""
    asking = stage.ready()
    once(stage, "sessions", asking, asking.but(scopes=["invoice.read"]))
    assert stage.send(asking).status != 200


def issues(stage):
    """One proof of presence for two sessions."""
    token, receipt = stage.login()["bearer_token"], stage.presence("auth.session.issue")
    once(stage, "sessions", stage.issuing(token, receipt), stage.issuing(token, receipt, scopes=["invoice.issue"]))


def refreshes(stage):
    """One proof of presence for the refresh of two tokens: the token that lost lives."""
    receipt, tokens = stage.presence("auth.session.refresh"), [stage.login()["bearer_token"] for _ in range(2)]
    won, _ = once(stage, "sessions", *(stage.refreshing(token, receipt) for token in tokens))
    alive = [stage.inspect(token).status == 200 for token in tokens]
    assert sorted(alive) == [False, True]
    assert good(stage.inspect(won.json["body"]["bearer_token"]))


def registers(stage):
    """One challenge for two passkeys: the proof of presence of the one that lost is not spent."""
    token = stage.login()["bearer_token"]
    offered = good(stage.send(stage.offering(token)))
    proofs = [stage.presence("passkey.add") for _ in range(2)]
    pair = [
        stage.registering(token, offered, SoftPasskey(stage.origin), human_presence_receipt=proof) for proof in proofs
    ]
    won, _ = once(stage, "passkeys", *pair)
    spent = won.raw != stage.said(pair[1])[1]
    again = good(stage.send(stage.offering(token)))
    good(stage.send(stage.registering(token, again, human_presence_receipt=proofs[spent])))


def registers_with_one_proof(stage):
    """One proof of presence for two challenges."""
    token, receipt = stage.login()["bearer_token"], stage.presence("passkey.add")
    pair = [
        stage.registering(token, good(stage.send(stage.offering(token))), human_presence_receipt=receipt)
        for _ in range(2)
    ]
    once(stage, "passkeys", *pair)


def registers_with_one_link(stage):
    """One one-time link for two passkeys."""
    link = stage.invited()
    offers = [good(stage.send(stage.offering(None, enrolment_token=link))) for _ in range(2)]
    once(stage, "passkeys", *(stage.registering(None, offered, enrolment_token=link) for offered in offers))


def answers(stage):
    """One challenge answered by two passkeys of one person."""
    second, _ = stage.person.new_passkey()
    asked = good(stage.send(stage.options("auth.session.issue")))
    once(stage, "presence", stage.verifying(asked), stage.verifying(asked, second))


RACES = (finishes, issues, refreshes, registers, registers_with_one_proof, registers_with_one_link, answers)


def run(stage, race, rounds):
    """Run a race so often, each with another person at another address."""
    for _ in range(rounds):
        stage.home.clock.turn(SECOND)
        race(stage.anew())


@pytest.mark.parametrize("race", RACES, ids=[one.__name__ for one in RACES])
def test_exactly_one_wins(stage, race):
    run(stage, race, FEW)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("race", RACES, ids=[one.__name__ for one in RACES])
def test_exactly_one_wins_a_thousand_times(stage, race):
    run(stage, race, MANY)
