"""An unknown credential and a known one must cost the same work, whatever the authenticator data says."""

import pytest

from ostiary.passkeys import cose
from ostiary_client.authenticator import Behaviour, SoftPasskey


@pytest.mark.parametrize("eligible", [True, False])
def test_an_unknown_credential_is_verified_as_a_known_one_is(gatehouse, monkeypatch, eligible):
    """The decoy is backup-eligible: with the flag clear the unknown is refused before any signature is verified."""
    behaviour = Behaviour(backup_eligible=eligible, backed_up=eligible)
    owner = gatehouse.visitor(SoftPasskey(gatehouse.origin, behaviour=behaviour))
    _, token = gatehouse.invite()
    assert owner.enrol(token).status == 200
    count = []
    real = cose.verify
    monkeypatch.setattr(cose, "verify", lambda *given: count.append(1) or real(*given))

    def work(identifier):
        stranger = gatehouse.visitor(SoftPasskey(gatehouse.origin, behaviour=behaviour))
        if identifier:
            stranger.passkey.id = identifier
        stranger.passkey.user_handle = owner.passkey.user_handle
        count.clear()
        assert stranger.sign_in().code == "login_refused"
        return len(count)

    assert work(owner.passkey.id) == work(None), "a known credential id costs a signature check, an unknown one none"
