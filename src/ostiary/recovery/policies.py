"""Policies: who may recover by which contact. A contact is kept as a keyed hash only."""

import msgspec

from ostiary.identities import service as identities
from ostiary.identities.addresses import hashes
from ostiary.identities.blocks import service as blocks
from ostiary.identities.model import Address
from ostiary.kernel.ids import new_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys.model import Purpose
from ostiary.recovery import runs, store
from ostiary.recovery.model import Method, Policy, Rules, address_hash
from ostiary.storage.tx import Tx

__all__ = ["Found", "Wanted", "by_default", "consumed", "contact_of", "find", "found", "put", "standing", "still"]

_DEFAULT = (Method.EMAIL_LINK.value, Method.RECOVERY_CODE.value)


class Wanted(msgspec.Struct, frozen=True):
    """The policy that a person sets. `hash` and `contacts` are `sha256:` hashes as the client gave them."""

    person: str
    passkey: str
    hash: str
    contacts: tuple[str, ...]
    methods: tuple[str, ...]


class Found(msgspec.Struct, frozen=True):
    """Who may recover by an address: `policy` is "" where the default is not on record yet; `to` is where mail goes."""

    person: str
    policy: str
    to: str


def contact_of(tx: Tx, rules: Rules, hashed: str) -> str:
    """Return the keyed hash (hex) under which a contact is kept, from its `sha256:` hash (ruling 60)."""
    key = rules.keyring.active(tx.scope.tenant, Purpose.ADDRESS).secret
    return mac(key, b"recovery\0" + hashed.encode()).hex()


def put(tx: Tx, rules: Rules, caller: Caller, wanted: Wanted) -> Policy:
    """Store a person's policy in the place of what stood; a recovery that is on its way by the old one is cancelled."""
    identities.hold(tx, wanted.person)
    replaced = store.replace_policies(tx, wanted.person)
    ended = runs.end_open(tx, wanted.person)
    made = _made(tx, wanted.person, wanted.methods, wanted.passkey, wanted.hash, given=1)
    for contact in dict.fromkeys(contact_of(tx, rules, one) for one in wanted.contacts):
        store.add_contact(tx, made.id, contact)
    told = (f"person:{made.person}", f"contacts:{len(wanted.contacts)}", f"methods:{made.methods}")
    tx.emit(Event(EventName.RECOVERY_SET, caller, made.id, reasons=(*told, f"replaced:{replaced}", f"ended:{ended}")))
    return made


def by_default(tx: Tx, rules: Rules, person: str) -> Policy:
    """Put the default policy of a person on record, to be consumed like any other; whoever calls emits the event."""
    return store.current(tx, person) or _made(tx, person, _defaults(tx, rules, person), "", "", given=0)


def standing(tx: Tx, rules: Rules, person: str) -> tuple[tuple[str, ...], str]:
    """Return (methods, policy) by which a person can recover; () for none, and "" for the default not on record.

    Who has set a policy once recovers by such a one only: the default does not come back behind it.
    """
    policy = store.current(tx, person)
    if policy is not None:
        return tuple(policy.methods.split()), policy.id
    default = tx.scope.tenant == rules.own and not store.given_before(tx, person)
    return (_defaults(tx, rules, person), "") if default else ((), "")


def still(tx: Tx, rules: Rules, person: str, policy: str) -> str | Refusal:
    """Return the policy by which an address that was found under `policy` may still recover; "" for the default.

    Who sets a policy while a code is on its way recovers by that one only, and its contacts may be others.
    """
    methods, stands = standing(tx, rules, person)
    same = stands == policy or not (policy or _is_given(tx, stands))
    if same and Method.EMAIL_LINK.value in methods:
        return stands
    return (_usable(tx, policy) if policy else None) or Refusal(Code.AUTH_RECOVERY_POLICY_UNKNOWN)


def found(tx: Tx, rules: Rules, address: Address) -> Found | None:
    """Return who may recover by this address through mail; None for nobody, and for who is blocked.

    Of several people whose addresses fold into one, who wrote it exactly so recovers, and otherwise none. Nothing
    proves that who names a contact has it. So an account's own address opens no other account, and a contact
    that several people name opens none: a stranger who writes the hash of it would be recovered by its owner.

    Mail goes to what is on record (the account's own address, or what was hashed), never to what somebody typed:
    letters that fold into one another would let a stranger's mailbox pass for the account's.
    """
    named = store.holders(tx, contact_of(tx, rules, address_hash(address.folded)))
    named = [one for one in named if Method.EMAIL_LINK.value in one.methods.split()]
    owners = identities.people_of(tx, rules.keyring, address)
    barred = blocks.of_address(tx, hashes(rules.keyring, tx.scope.tenant, address)) is not None
    if barred or len(owners) > 1 or (not owners and len({one.person for one in named}) > 1):
        return None
    own = owners[0] if owners else None
    held = next((one for one in named if own is None or one.person == own.id), None)
    if held is not None:
        return None if _blocked(tx, rules, held.person) else Found(held.person, held.id, address.folded)
    if own is None or own.blocked_at:
        return None
    methods, policy = standing(tx, rules, own.id)
    default = not policy or not _is_given(tx, policy)
    return Found(own.id, policy, own.email) if Method.EMAIL_LINK.value in methods and default else None


def find(tx: Tx, policy: str) -> Policy | None:
    """Return a policy of the tenant, whether it stands or not."""
    return store.find_policy(tx, policy)


def consumed(tx: Tx, policy: str) -> bool:
    """Tell whether a policy is used up."""
    kept = store.find_policy(tx, policy)
    return kept is not None and bool(kept.consumed_at)


def _defaults(tx: Tx, rules: Rules, person: str) -> tuple[str, ...]:
    """Return the methods of somebody who has set no policy: mail only where there is an address."""
    known = identities.find_person(tx, rules.keyring, person)
    return _DEFAULT if known and known.email else _DEFAULT[1:]


def _blocked(tx: Tx, rules: Rules, person: str) -> bool:
    known = identities.find_person(tx, rules.keyring, person)
    return known is not None and bool(known.blocked_at)


def _is_given(tx: Tx, policy: str) -> bool:
    kept = store.find_policy(tx, policy)
    return kept is not None and bool(kept.given)


def _made(tx: Tx, person: str, methods: tuple[str, ...], passkey: str, hashed: str, *, given: int) -> Policy:
    made = Policy(new_id("rp", tx.secrets), person, passkey, hashed, " ".join(methods), given, tx.now, 0, 0)
    store.add_policy(tx, made)
    return made


def _usable(tx: Tx, policy: str) -> Refusal | None:
    """Refuse a policy that was consumed, or replaced meanwhile."""
    kept = store.find_policy(tx, policy)
    if kept is None or kept.replaced_at:
        return Refusal(Code.AUTH_RECOVERY_POLICY_UNKNOWN)
    return Refusal(Code.AUTH_RECOVERY_POLICY_CONSUMED) if kept.consumed_at else None
