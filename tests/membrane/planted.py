"""Faults planted under the membrane: a use case that writes what it must not, for every flag that an answer computes."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from ostiary.access import service as access
from ostiary.access import standings
from ostiary.identities import service as identities
from ostiary.kernel.ids import unb64url
from ostiary.kernel.values import Event, EventName, Factor, Proof
from ostiary.passkeys import bindings
from ostiary.presence import service as presence
from ostiary.sessions import wire
from tests.login.gatehouse import OPERATOR
from tests.membrane.stage import DEVICE


class Leaky:
    """A transaction that does something besides, right after a write to one table; `row` may change what is read."""

    def __init__(self, tx, table="", besides=None, row=None):
        self.tx, self.table, self.besides, self.row = tx, table, besides, row

    def __getattr__(self, name):
        return getattr(self.tx, name)

    def do(self, statement, **binds):
        count = self.tx.do(statement, **binds)
        if statement.table == self.table and self.besides:
            self.besides(self.tx, binds)
        return count

    def one(self, statement, **binds):
        found = self.tx.one(statement, **binds)
        return self.row(found) if self.row and found else found


class Fault(NamedTuple):
    """One flag, the operation whose answer shows it, and how the use case is made faulty; `gates` False opens them."""

    flag: str
    operation: str
    plant: Callable
    gates: bool = True
    said: dict = {}  # noqa: RUF012 - never changed


def write(tx, text):
    """Put a text where it has no business to be."""
    presence.vouch(tx, Proof("user-" + "A" * 22, Factor.PASSKEY, tx.now, "", "", user_verified=True), text, "")
    tx.emit(Event(EventName.PRESENCE_PROVE, OPERATOR, "planted"))


def first(leak):
    """Do this before the use case."""

    def plant(use_case):
        def faulty(c):
            leak(c)
            return use_case(c)

        return faulty

    return plant


def beside(table, besides=None, row=None):
    """Do this in the midst of the use case, when it writes to a table."""

    def plant(use_case):
        def faulty(c):
            leaky = Leaky(c.tx, table, lambda tx, binds: besides(c, tx, binds) if besides else None, row and row(c))
            return use_case(msgspec.structs.replace(c, tx=leaky))

        return faulty

    return plant


def token_of(c, binds):
    """The token of a session that is being stored."""
    key = c.desk.keyring.find(binds["key_id"])
    assert key is not None
    return wire.seal(binds["id"], key)


def _stores_token(c, tx, binds):
    if "key_id" in binds:
        write(tx, token_of(c, binds))


def _proves_token(c, tx, binds):
    if "key_id" in binds:
        tx.emit(Event(EventName.SESSION_OPEN, OPERATOR, "planted", reasons=(token_of(c, binds),)))


def _shows_token(c):
    """Turn the row of a session's binding into one whose device is the caller's token, where it has one."""

    def shown(row):
        bound = len(row) == 9 and row[0] == c.who.id
        return tuple(c.who.token if bound and value == DEVICE else value for value in row)

    return shown


def _attested(c):
    return bindings.attested_id(unb64url(c.body.attestation_object_b64url))


def _locates(use_case):
    def faulty(c):
        return use_case(msgspec.structs.replace(c, body=msgspec.structs.replace(c.body, route=c.desk.locator)))

    return faulty


def _exposes(use_case):
    def faulty(c):
        c.witness.saw("credential", c.tenant.rp_id.encode() or c.desk.passkeys.relying_party.id.encode())
        return use_case(c)

    return faulty


def _nothing(use_case):
    return use_case


BIOMETRIC = {"contains_biometric_material": True}
FAULTS = (
    Fault("source_ip_raw_stored", "auth.loginStart", first(lambda c: write(c.tx, c.witness.raw.address))),
    Fault("raw_user_agent_stored", "auth.loginStart", first(lambda c: write(c.tx, c.witness.raw.agent))),
    Fault("raw_credential_id_stored", "humanAuth.registerPasskey", first(lambda c: write(c.tx, _attested(c).hex()))),
    Fault(
        "raw_assertion_bytes_stored",
        "humanAuth.verifyPasskey",
        first(lambda c: write(c.tx, c.body.authenticator_data_b64url)),
    ),
    Fault(
        "raw_attestation_object_stored",
        "humanAuth.registerPasskey",
        first(lambda c: write(c.tx, c.body.attestation_object_b64url)),
    ),
    Fault(
        "raw_client_data_json_stored",
        "humanAuth.verifyPasskey",
        first(lambda c: write(c.tx, unb64url(c.body.client_data_json_b64url).decode())),
    ),
    Fault("raw_session_token_stored", "auth.loginFinish", beside("sessions", _stores_token)),
    Fault("raw_session_token_exposed_in_proof", "auth.sessionRefresh", beside("sessions", _proves_token)),
    Fault("raw_session_token_stored_durably", "auth.sessionInspect", first(lambda c: write(c.tx, c.who.token))),
    Fault("raw_session_token_exposed", "auth.sessionInspect", beside("session_bindings", row=_shows_token)),
    Fault("raw_credential_ids_exposed", "humanAuth.challenge", _exposes),
    Fault(
        "raw_private_key_material_stored",
        "humanAuth.registerPasskey",
        _nothing,
        False,
        {"private_key_material_supplied": True},
    ),
    Fault("raw_biometric_material_stored", "auth.loginStart", _nothing, False, BIOMETRIC),
    Fault("biometric_material_seen_by_gestalt", "humanAuth.passkeyAssertionOptions", _nothing, False, BIOMETRIC),
    Fault("database_locator_exposed", "auth.rateLimitEvaluate", _locates),
    Fault(
        "identity_binding_created",
        "humanAuth.verifyPasskey",
        first(lambda c: identities.add_person(c.tx, c.desk.keyring, OPERATOR, name="Planted")),
    ),
    Fault(
        "standing_created",
        "auth.loginFinish",
        first(lambda c: standings.add(c.tx, OPERATOR, c.person(c.body.actor), "planted")),
    ),
    Fault(
        "company_authority_created",
        "auth.loginFinish",
        first(lambda c: access.grant_scope(c.tx, OPERATOR, c.person(c.body.actor), "world.domination")),
    ),
)
BY_MODE = {"fixture_session", "production_login", "production_session", "production_admission"}
"""Flags that say which tenant it is."""
