"""A second opinion: py_webauthn, written by others, on the same ceremonies."""

import pytest
import webauthn
from webauthn.helpers.exceptions import WebAuthnException

from ostiary.kernel.refusals import Refusal
from ostiary.passkeys.webauthn import Stored
from tests.passkeys import hostile_keys
from tests.passkeys.ceremonies import CHALLENGE, ORIGIN, PARTY, created, gotten, passkey, verify_created, verify_gotten

EXPECTED = {"expected_challenge": CHALLENGE, "expected_rp_id": PARTY.id, "expected_origin": ORIGIN}


def theirs_registers(sent):
    return webauthn.verify_registration_response(credential=sent, require_user_verification=True, **EXPECTED)


def theirs_asserts(sent, key, count):
    return webauthn.verify_authentication_response(
        credential=sent,
        credential_public_key=key,
        credential_current_sign_count=count,
        require_user_verification=True,
        **EXPECTED,
    )


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_both_read_the_same_from_an_honest_ceremony(algorithm):
    key = passkey(algorithm=algorithm, aaguid=bytes(range(16)))
    sent = created(key)
    ours, theirs = verify_created(sent), theirs_registers(sent)
    assert ours.public_key == theirs.credential_public_key
    assert (ours.sign_count, ours.aaguid, ours.backed_up) == (
        theirs.sign_count,
        theirs.aaguid,
        theirs.credential_backed_up,
    )
    known = Stored(ours.algorithm, ours.public_key, ours.sign_count, ours.backup_eligible, ours.backed_up)
    sent = gotten(key)
    assert verify_gotten(sent, known).sign_count == theirs_asserts(sent, ours.public_key, 1).new_sign_count


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_both_refuse_a_signature_with_a_bit_turned(algorithm):
    key = passkey(algorithm=algorithm)
    new = verify_created(created(key))
    known = Stored(new.algorithm, new.public_key, new.sign_count, new.backup_eligible, new.backed_up)
    sent = gotten(key)
    hostile_keys.signature(hostile_keys.turned)["edit"](sent)
    assert isinstance(verify_gotten(sent, known), Refusal)
    with pytest.raises(WebAuthnException):
        theirs_asserts(sent, new.public_key, 1)
