"""A passkey that an operator brought: what nobody told of it is told by its authenticator, and nothing else is."""

import hashlib

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary_client.authenticator import Behaviour, SoftPasskey
from tests.membrane.stage import code


def imported(fixture, **fields):
    """An imported passkey that is not synced; return the authenticator."""
    made = SoftPasskey(fixture.origin, behaviour=Behaviour(backup_eligible=False, backed_up=False))
    made.rp_id, made.user_handle = fixture.rp, fixture.person.id.encode()
    point = made.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    wanted = {
        "tenant": fixture.ref,
        "subject": fixture.person.ref,
        "relying_party_id": fixture.rp,
        "origin": fixture.origin,
        "credential_id_hash": "sha256:" + hashlib.sha256(made.id).hexdigest(),
        "public_key_uncompressed_hex": point.hex(),
        "fixture": True,
    } | fields
    heard = fixture.ask("humanAuth.passkeyImport", fixture.operator, **wanted)
    assert heard.status == 200, heard.json
    return made


def test_one_that_may_be_synced_need_not_be(fixture):
    passkey = imported(fixture, synced_passkey_allowed=True)
    assert fixture.verify(fixture.start(), passkey).status == 200


def test_one_that_may_not_be_synced_is_refused_where_it_is(fixture):
    passkey = imported(fixture, synced_passkey_allowed=False)
    passkey.behaviour = Behaviour(backup_eligible=True, backed_up=True)
    heard = fixture.verify(fixture.start(), passkey)
    assert (heard.status, code(heard)) == (403, "human_auth_webauthn_assertion_invalid")
