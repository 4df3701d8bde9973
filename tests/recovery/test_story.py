"""A recovery from the lost passkey to the next sign-in, in a live and in a fixture tenant, on both databases."""

from tests.membrane.stage import code
from tests.recovery.story import Story


def test_the_whole_story_with_a_policy(both):
    lost = Story(both)
    lost.insured()
    begun = lost.begin()
    assert (begun["waiting_seconds"] == 0) is both.fixture
    lost.wait()
    assert lost.register().status == 200
    assert lost.signs_in(lost.passkey) == "passkey_quarantined"
    session = both.login()
    done = lost.execute()
    assert done.status == 200, done.json
    assert code(both.inspect(session["bearer_token"])) == "session_revoked"
    body = done.json["body"]
    assert body["recovery_policy_consumed"] is True
    assert body["sessions_ended"] >= 1
    assert lost.signs_in(lost.passkey) == ""
    assert lost.signs_in(both.person.passkey) == "passkey_quarantined"


def test_the_whole_story_without_a_policy_on_either_database(anywhere):
    done = anywhere.recovered()
    assert (done["sessions_ended"], done["passkeys_set_aside"]) == (0, 1)
    assert anywhere.signs_in(anywhere.passkey) == ""
    undone = anywhere.contest()
    assert undone.status == 200, undone.json
    assert anywhere.signs_in(anywhere.person.passkey) == ""
    assert anywhere.signs_in(anywhere.passkey) == "passkey_quarantined"
    assert code(anywhere.execute(presence="human_presence_receipt:none")) == "auth_recovery_policy_consumed"
