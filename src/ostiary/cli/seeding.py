"""What a seeded fixture tenant holds: the person, names, passkey and session that the membrane's examples call for."""

import hashlib

from ostiary.access import service as access
from ostiary.access import standings
from ostiary.identities import devices, refs
from ostiary.identities import service as identities
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refs import named
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller, EventName
from ostiary.passkeys import bindings
from ostiary.passkeys.ceremony import Registered, RelyingParty
from ostiary.passkeys.service import Rules
from ostiary.sessions import service as sessions
from ostiary.sessions.model import judge
from ostiary.sessions.seeded import seed
from ostiary.storage.tx import Tx

__all__ = ["PERSON", "SCOPES", "SESSION", "TOKEN", "sow"]

PERSON = "human_person:anna"
SESSION = "auth_session:fixture_valid"
TOKEN = "fixture-session-token"
SCOPES = ("auth.session.inspect", "auth.session.refresh", "invoice.issue")
_SIGNING_KEY = "key_registry:fixture_session_signing"
_ACTIVE = "active"
_STANDING = "anna_geschaeftsfuehrer_fixture"
_PASSKEY = "passkey_binding:anna_platform_passkey_fixture"
_POINT = (
    "0474e38880a5043ce9b30e3eada9ef4f61ca496adf613a30289553672a12a09aef"
    "8c9218de1ca57b8899cfe824ac810523323ad9aaa68120961ae973cd38169f65"
)
"""A public key whose private half was never kept: the passkey can be named, and nobody can answer with it."""

_DEVICES = ("anna_browser_fixture", "fixture_sdk")


def sow(tx: Tx, rules: sessions.Rules, caller: Caller) -> list[str]:
    """Make what a seeded tenant holds and is not there, or no longer alive; return the refs of what was made."""
    person, made = _person(tx, rules, caller)
    for name in _DEVICES:
        if not devices.owner(tx, name):
            _certain(devices.add(tx, caller, person, name))
            made.append(f"vessel:{name}")
    if not standings.holder(tx, _STANDING):
        _certain(standings.add(tx, caller, person, _STANDING))
        made.append(f"standing:{_STANDING}")
    if _passkey(tx, rules, caller, person):
        made.append(_PASSKEY)
    made += [f"scope {scope}" for scope in SCOPES if access.grant_scope(tx, caller, person, scope)]
    if not _lives(tx, rules):
        refs.move(tx, SESSION, seed(tx, rules, caller, person, TOKEN, SCOPES))
        refs.place(tx, _SIGNING_KEY, _ACTIVE)
        made.append(SESSION)
    return made


def _person(tx: Tx, rules: sessions.Rules, caller: Caller) -> tuple[str, list[str]]:
    """Return the person's id, and their ref if they were made."""
    found = refs.target(tx, "human_person", PERSON) or ""
    if identities.is_known(tx, found):
        return found, []
    made = identities.add_person(tx, rules.keyring, caller, name=(named("human_person", PERSON) or "").capitalize())
    if isinstance(made, Refusal):
        raise ContractBroken(f"the person of the seed was refused: {made.code}")
    refs.move(tx, PERSON, made.id)
    return made.id, [PERSON]


def _passkey(tx: Tx, rules: sessions.Rules, caller: Caller, person: str) -> bool:
    """Make the passkey that the examples name; False where it is there."""
    tenant, key = identities.find_tenant(tx), bindings.point(_POINT)
    digest = hashlib.sha256(_PASSKEY.encode()).digest()
    if tenant is None or key is None or bindings.known(tx, digest):
        return False
    party = RelyingParty(tenant.rp_id, tenant.id, frozenset(tenant.origins))
    wanted = bindings.Wanted(person, party, tenant.origins[0], "platform", synced_allowed=True, imported=True)
    credential = Registered(digest, -7, key, 0, backup_eligible=True, backed_up=True, aaguid="", transports=())
    bound = bindings.put(tx, Rules(rules.keyring, party), caller, wanted, credential, EventName.PASSKEY_IMPORT)
    return bound is not None and refs.place(tx, _PASSKEY, bound.passkey)


def _lives(tx: Tx, rules: sessions.Rules) -> bool:
    found = sessions.find(tx, refs.target(tx, "auth_session", SESSION) or "")
    return not isinstance(found, Refusal) and judge(found, tx.now, rules.settings) is None


def _certain(refused: Refusal | None) -> None:
    if refused is not None:
        raise ContractBroken(f"a name of the seed was refused: {refused.code}")
