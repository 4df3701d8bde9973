"""Use cases of stored passkeys over a transaction: what the account's own tests cannot stage."""

import hashlib
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ostiary.kernel.errors import SealBroken
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Scope
from ostiary.keys import service as keys
from ostiary.passkeys import service, store, webauthn
from ostiary.passkeys.ceremony import AuthenticationResponse, RegistrationResponse, RelyingParty, Stored
from ostiary_client.authenticator import Behaviour, SoftPasskey
from tests.login.gatehouse import OPERATOR

NONCE = bytes(range(32))
PERSON = "user-AAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def rules(gatehouse):
    return service.Rules(gatehouse.house.keyring, RelyingParty("localhost", "Ostiary", frozenset({gatehouse.origin})))


@pytest.fixture
def passkey(gatehouse):
    return SoftPasskey(gatehouse.origin)


def created(rules, passkey):
    options = webauthn.creation_options(rules.relying_party, NONCE, PERSON.encode(), "a", "a")
    return decoded(passkey.create(options), RegistrationResponse)


def gotten(rules, passkey):
    return decoded(passkey.get(webauthn.request_options(rules.relying_party, NONCE)), AuthenticationResponse)


def decoded(sent, kind):
    return msgspec.json.decode(json.dumps(sent), type=kind)


def register(gatehouse, rules, passkey, label="Blue", scope=None):
    use_case = lambda tx: service.register(tx, rules, OPERATOR, PERSON, NONCE, created(rules, passkey), label)  # noqa: E731 - read as data
    return gatehouse.house.vault.transact_now(scope or gatehouse.scope, use_case)


def check(gatehouse, rules, credential, nonce=NONCE, overtaken=None):
    """Assert; the receipt of a sign-in is left by others."""

    def use_case(tx):
        outcome = service.assert_passkey(overtaken(tx) if overtaken else tx, rules, nonce, credential)
        tx.refuse(EventName.LOGIN_FINISH, OPERATOR, "-", Code.LOGIN_REFUSED)
        return outcome

    return gatehouse.act(use_case)


def owned(gatehouse, name):
    return gatehouse.read(lambda tx: service.owned(tx, PERSON, name))


def test_a_stored_passkey_is_recognised_and_its_use_recorded(gatehouse, rules, passkey):
    name = register(gatehouse, rules, passkey)
    gatehouse.clock.turn(1)
    found = check(gatehouse, rules, gotten(rules, passkey))
    assert (found.id, found.person, found.sign_count) == (name, PERSON, 1)
    kept = owned(gatehouse, name)
    assert (kept.sign_count, kept.last_used_at) == (2, gatehouse.clock())


def test_only_the_hash_of_the_credential_id_is_kept(gatehouse, rules, passkey):
    register(gatehouse, rules, passkey)
    ((kept,),) = gatehouse.rows("SELECT credential_hash FROM passkeys")
    assert kept == hashlib.sha256(passkey.id).digest()
    assert passkey.id.hex().upper() not in "".join(gatehouse.dump())


def test_an_unknown_passkey_and_one_that_cannot_be_read_are_refused_alike(gatehouse, rules, passkey):
    passkey.rp_id, passkey.user_handle = "localhost", PERSON.encode()
    sent = gotten(rules, passkey)
    odd = msgspec.structs.replace(sent, raw_id="AB")
    for credential in (sent, odd):
        assert check(gatehouse, rules, credential) == Refusal(Code.LOGIN_REFUSED, ("passkey_unknown",))


def test_the_key_of_the_decoy_opens_nothing(gatehouse, rules):
    """Its private key is 1, so its signatures are good: what nobody registered stays unknown all the same."""
    known = SoftPasskey(gatehouse.origin, key=ec.derive_private_key(1, ec.SECP256R1()))
    known.rp_id, known.user_handle = "localhost", PERSON.encode()
    credential = gotten(rules, known)
    assert not isinstance(webauthn.verify_assertion(rules.relying_party, NONCE, service.DECOY, credential), Refusal)
    assert check(gatehouse, rules, credential) == Refusal(Code.LOGIN_REFUSED, ("passkey_unknown",))


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("claimed", [True, False])
def test_a_known_credential_and_an_unknown_one_cost_a_signature_each_whatever_is_claimed(
    rules, passkey, stored, claimed
):
    """Else the time of a refusal would tell a stranger which ids are known: the word says how far the verifier went."""
    passkey.behaviour = Behaviour(backup_eligible=stored, backed_up=stored)
    known = webauthn.verify_registration(rules.relying_party, NONCE, created(rules, passkey))
    on_file = Stored(known.algorithm, known.public_key, known.sign_count, known.backup_eligible, known.backed_up)
    stranger = SoftPasskey(passkey.origin, behaviour=Behaviour(backup_eligible=claimed, backed_up=claimed))
    stranger.id, stranger.rp_id, stranger.user_handle = passkey.id, "localhost", PERSON.encode()
    for one in (on_file, service.DECOY):
        refused = webauthn.verify_assertion(rules.relying_party, NONCE, one, gotten(rules, stranger))
        assert refused.reasons == ("signature_invalid",)


@pytest.mark.parametrize("handle", [b"", b"user-BBBBBBBBBBBBBBBBBBBBBA", PERSON.encode()[:-1], PERSON.lower().encode()])
def test_the_user_handle_must_be_the_persons(gatehouse, rules, passkey, handle):
    name = register(gatehouse, rules, passkey)
    passkey.user_handle = handle
    credential = gotten(rules, passkey)
    if not handle:
        credential = msgspec.structs.replace(
            credential, response=msgspec.structs.replace(credential.response, user_handle=None)
        )
    assert check(gatehouse, rules, credential) == Refusal(Code.LOGIN_REFUSED, ("user_handle_mismatch",))
    assert owned(gatehouse, name).sign_count == 1


def test_a_signature_over_another_challenge_is_refused(gatehouse, rules, passkey):
    register(gatehouse, rules, passkey)
    refused = check(gatehouse, rules, gotten(rules, passkey), nonce=bytes(32))
    assert refused == Refusal(Code.LOGIN_REFUSED, ("challenge_mismatch",))


class Overtaken:
    """A transaction on which another use has moved the counter between the look and the write."""

    def __init__(self, tx):
        self._tx = tx

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def do(self, statement, **binds):
        return 0 if statement is store._USE else self._tx.do(statement, **binds)


def test_a_use_that_was_overtaken_is_refused(gatehouse, rules, passkey):
    name = register(gatehouse, rules, passkey)
    refused = check(gatehouse, rules, gotten(rules, passkey), overtaken=Overtaken)
    assert refused == Refusal(Code.LOGIN_REFUSED, ("sign_count_raced",))
    assert owned(gatehouse, name).sign_count == 1


def test_a_counter_that_has_moved_since_it_was_read_is_not_overwritten(gatehouse, rules, passkey):
    name = register(gatehouse, rules, passkey)
    stale = owned(gatehouse, name)
    check(gatehouse, rules, gotten(rules, passkey))
    asserted = webauthn.Asserted(sign_count=9, backed_up=True)

    def use_case(tx):
        tx.refuse(EventName.LOGIN_FINISH, OPERATOR, "-", Code.LOGIN_REFUSED)
        return store.use(tx, stale, asserted), store.use(tx, owned_in(tx, name), asserted)

    assert gatehouse.act(use_case) == (False, True)


def owned_in(tx, name):
    return service.owned(tx, PERSON, name)


def test_a_passkey_belongs_to_its_tenant(gatehouse, rules, passkey):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    name = register(gatehouse, rules, passkey, scope=other)
    passkey.count = 5
    assert check(gatehouse, rules, gotten(rules, passkey)) == Refusal(Code.LOGIN_REFUSED, ("passkey_unknown",))
    assert owned(gatehouse, name) is None
    assert gatehouse.read(lambda tx: service.list_of(tx, PERSON)) == []
    refused = gatehouse.act(lambda tx: service.rename(tx, house.keyring, caller(), name, "mine"))
    assert refused.code is Code.PASSKEY_UNKNOWN
    assert not gatehouse.act(lambda tx: service.remove(tx, caller(), name, "because"))
    assert register(gatehouse, rules, passkey).startswith("pk-")


def caller():
    return msgspec.structs.replace(OPERATOR, actor=PERSON)


def test_removing_twice_changes_once(gatehouse, rules, passkey):
    name = register(gatehouse, rules, passkey)
    assert gatehouse.act(lambda tx: service.remove(tx, caller(), name, "because"))
    before = gatehouse.dump()
    assert not gatehouse.act(lambda tx: service.remove(tx, caller(), name, "because"))
    assert gatehouse.dump() == before
    assert owned(gatehouse, name) is None


def test_a_label_opens_in_its_own_row_only(gatehouse, rules, passkey):
    blue = register(gatehouse, rules, passkey, "Blue")
    red = register(gatehouse, rules, SoftPasskey(gatehouse.origin), "Red")
    assert gatehouse.read(lambda tx: service.label(tx, rules.keyring, service.owned(tx, PERSON, blue))) == "Blue"
    gatehouse.write("UPDATE passkeys SET label_sealed = (SELECT label_sealed FROM passkeys WHERE id = ?)", (blue,))
    with pytest.raises(SealBroken):
        gatehouse.read(lambda tx: service.label(tx, rules.keyring, service.owned(tx, PERSON, red)))
