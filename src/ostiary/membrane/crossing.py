"""One crossing: what a use case of the membrane is handed, and what every one of them asks."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ostiary.access import service as access
from ostiary.access import standings
from ostiary.access.clients import BROWSER, ClientKind, list_of
from ostiary.identities import devices, refs
from ostiary.identities import service as identities
from ostiary.identities.model import Tenant
from ostiary.kernel.clock import instant, whole_seconds
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName, Mode, Outcome
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.membrane import store
from ostiary.membrane.bodies import Boundaries, Commit, OriginPolicy, Privacy, Signer
from ostiary.membrane.model import Binding, Who
from ostiary.membrane.witness import Witness
from ostiary.passkeys import bindings, holds
from ostiary.passkeys import service as passkeys
from ostiary.passkeys.ceremony import RelyingParty
from ostiary.presence import service as presence
from ostiary.presence.model import Held
from ostiary.recovery import model as recovery
from ostiary.sessions import bearer
from ostiary.sessions import service as sessions
from ostiary.sessions.model import Session
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.envelope import Envelope, envelope

__all__ = ["Crossing", "Desk", "UseCase"]

_ES256 = (-7,)
_ACTIVE = "active"
Shown = TypeVar("Shown", bound=msgspec.Struct)


class Desk(msgspec.Struct, frozen=True):
    """What every crossing stands on. `locator` is the database's address, which no answer may show."""

    vault: Vault
    keyring: Keyring
    sessions: sessions.Rules
    passkeys: passkeys.Rules
    recovery: recovery.Rules
    locator: str


class Crossing(msgspec.Struct, frozen=True):
    """One request inside its transaction; `body` is its decoded struct."""

    tx: Tx
    desk: Desk
    operation: str
    tenant: Tenant
    who: Who
    caller: Caller
    body: Any
    witness: Witness

    @property
    def live(self) -> bool:
        """Whether the tenant is a live one."""
        return self.tenant.mode is Mode.LIVE

    # Answers

    def done(
        self,
        outcome: Outcome,
        receipt: str,
        wanted: type[Shown],
        reasons: tuple[str, ...] = (),
        **fields: Any,  # noqa: ANN401 - the fields of the body
    ) -> Envelope[Shown]:
        """Answer with a body whose flags are computed from what was written."""
        body = self.witness.body(wanted, **fields)
        return envelope(self.operation, outcome, body, receipt, self.tenant.mode, reasons)

    def tell(self, name: EventName, subject: str, *reasons: str, outcome: Outcome = Outcome.ADMITTED) -> str:
        """Leave the receipt of this crossing and return its id."""
        return self.tx.emit(Event(name, self.caller, subject, outcome, reasons))

    def refuse(self, name: EventName, subject: str, refusal: Refusal | Code) -> Refusal:
        """Leave the receipt of a refusal that changed something (a counter)."""
        return self.tx.refuse(name, self.caller, subject, refusal)

    def commit(self, receipt: str) -> Commit:
        """Say by which receipt, and when, all of this was made durable."""
        return Commit(ref("receipt", receipt), instant(self.tx.now))

    def privacy(self) -> Privacy:
        """Say what was not kept."""
        return self.witness.body(Privacy)

    def boundaries(self) -> Boundaries:
        """Say what this act made of authority."""
        return self.witness.body(Boundaries)

    def signer(self, key: str) -> Signer:
        """Say which key signs a session's token."""
        return Signer(refs.ref_of(self.tx, "key_registry", key))

    # Relying party and origin

    @property
    def origin_policy(self) -> OriginPolicy:
        """What the tenant declares; the default tenant has the server's own."""
        own = self.desk.passkeys.relying_party
        return OriginPolicy(self.tenant.rp_id or own.id, list(self.tenant.origins or sorted(own.origins)))

    def relying_party(self, rp_id: str, origin: str) -> RelyingParty | Refusal:
        """Return the party of a ceremony; refuse an id and an origin that the tenant does not declare."""
        policy = self.origin_policy
        if rp_id != policy.relying_party_id:
            return Refusal(Code.HUMAN_AUTH_WRONG_RP_ID)
        if origin not in policy.origins:
            return Refusal(Code.HUMAN_AUTH_WRONG_ORIGIN)
        return RelyingParty(rp_id, "Ostiary", frozenset({origin}), algorithms=_ES256)

    # Who and what a ref names

    def person(self, text: str) -> str:
        """Return the id that a `human_person:` ref stands for, "" where it is malformed."""
        return refs.target(self.tx, "human_person", text) or ""

    def person_ref(self, person: str) -> str:
        """Return the ref of a person."""
        return refs.ref_of(self.tx, "human_person", person)

    def passkey(self, text: str) -> str:
        """Return the id that a `passkey_binding:` ref stands for, "" where it is malformed."""
        return refs.target(self.tx, "passkey_binding", text) or ""

    def execution(self, text: str) -> str:
        """Return the id that an `auth_recovery_execution:` ref stands for, "" where it is malformed."""
        return refs.target(self.tx, "auth_recovery_execution", text) or ""

    def standing(self, text: str, person: str, code: Code) -> str | Refusal:
        """Return the name of a standing that this person holds, "" where none is claimed (or asked for, if live)."""
        if not text and self.live:
            return ""
        name = named("standing", text)
        return name if name and standings.holder(self.tx, name) == person else Refusal(code)

    def vessel(self, text: str, person: str, otherwise: str) -> str | Refusal:
        """Return the name of a device on record for this person; `otherwise` where a live tenant is told of none."""
        if not text and self.live:
            return otherwise
        name = named("vessel", text)
        return name if name and devices.owner(self.tx, name) == person else Refusal(Code.M13_WRONG_VESSEL)

    def signing_key(self, text: str, code: Code) -> Key | Refusal:
        """Return the key that signs sessions; a ref must name it, if one is given."""
        active = self.desk.keyring.active(self.tx.scope.tenant, Purpose.SESSION)
        if not text and self.live:
            return active
        wanted = refs.target(self.tx, "key_registry", text) or ""
        if wanted in {_ACTIVE, active.id}:
            return active
        known = self.desk.keyring.find(wanted)
        stale = known is not None and known.tenant == active.tenant and known.purpose is Purpose.SESSION
        return Refusal(Code.AUTH_SESSION_HOLDER_KEY_STALE if stale else code)

    def allowed(self, scopes: list[str], person: str, client: tuple[str, ...] | None) -> Refusal | None:
        """Refuse no scope at all, and one that the client may not ask for or the person does not hold (ruling 24)."""
        if not scopes:
            return Refusal(Code.AUTH_SESSION_SCOPES_REQUIRED)
        held = set(access.scopes(self.tx, person))
        lacking = sorted(set(scopes) - (held if client is None else held.intersection(client)))
        words = tuple(f"scope:{scope}" for scope in lacking if access.is_scope(scope))
        return Refusal(Code.AUTH_SESSION_SCOPE_NOT_ALLOWED, words) if lacking else None

    def browser(self) -> tuple[str, tuple[str, ...]]:
        """Return (client id, scopes) of a browser without a key: those of the tenant's client `browser`, if any."""
        every = [key for key in list_of(self.tx) if key.name == BROWSER and key.kind == ClientKind.CLIENT]
        return (every[0].id, every[0].scopes) if every else ("", ())

    def client_scopes(self, client: str) -> tuple[str, ...] | None:
        """Return what the client of a session may ask for, None for no client; nothing where its key is gone."""
        if not client:
            return None
        kept = (key.scopes for key in list_of(self.tx) if key.id == client and key.kind == ClientKind.CLIENT)
        return next(kept, ())

    # Presence

    def proof(self, text: str, act: str, person: str, device: str | None = None) -> Held | Refusal:
        """Return a proof of presence that serves this act of this person, and hold it; it is not consumed yet.

        With `device`, a challenge that was put to one device serves no other.
        """
        held = presence.look(self.tx, named("human_presence_receipt", text) or "")
        if held is None or held.session:
            return Refusal(Code.M13_HUMAN_PRESENCE_MISSING)
        if held.person != person:
            return Refusal(Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)
        if act not in held.purpose.split():
            return Refusal(Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH)
        if held.consumed_at:
            return Refusal(Code.M13_HUMAN_PRESENCE_CONSUMED)
        if self.tx.now >= held.expires_at:
            return Refusal(Code.M13_HUMAN_PRESENCE_STALE)
        question = store.hold(self.tx, held.subject)
        if question is None or bindings.find(self.tx, question.passkey) is None:
            return Refusal(Code.M13_HUMAN_PRESENCE_STALE, ("passkey_removed",))
        elsewhere = device is not None and question.device not in {"", device}
        return Refusal(Code.AUTH_SESSION_DEVICE_MISMATCH) if elsewhere else held

    def unguarded(self, person: str) -> Refusal | None:
        """Refuse a sensitive act of somebody whose recovery can still be contested (ruling 32)."""
        until = holds.guarded_until(self.tx, person)
        if until <= self.tx.now:
            return None
        return Refusal(Code.AUTH_RECOVERY_CONTESTABLE, retry_after=whole_seconds(until - self.tx.now))

    # The caller's own session

    def own(self, *, acting: bool = True) -> Session | Refusal:
        """Return the caller's living session, by the truth: signature, commitment, life, idle and absolute time.

        Where it is `acting`, it is held: an end that came first lets nothing happen any more. A token that was
        refreshed longer than the grace ago and is used again ends its family.
        """
        rules, who = self.desk.sessions, self.who
        found = bearer.living(self.tx, rules, who.id, who.key, who.commitment)
        if isinstance(found, Session):
            if not acting:
                return found
            identities.hold(self.tx, found.person)
            ended = sessions.still(self.tx, self.caller)
            return found if ended is None else self.dead(ended)
        return bearer.reused(self.tx, rules, self.caller, who.id) or self.dead(found)

    def dead(self, refusal: Refusal) -> Refusal:
        """Say in the membrane's words why a session is dead."""
        return msgspec.structs.replace(refusal, code=_DEAD.get(refusal.code, refusal.code))

    def binding(self, session: str) -> Binding | None:
        """Return what a session was issued for."""
        return store.find_binding(self.tx, session)

    def session_ref(self, session: str) -> str:
        """Return the ref of a session."""
        bound = store.find_binding(self.tx, session)
        return bound.ref if bound else refs.ref_of(self.tx, "auth_session", session)

    def session_named(self, text: str) -> str:
        """Return the id of the session that a ref stands for, "" where there can be none."""
        bound = store.binding_of(self.tx, text)
        wanted = bound.session if bound else refs.target(self.tx, "auth_session", text) or ""
        return wanted if sessions.is_session(wanted) else ""


_DEAD = {
    Code.SESSION_INVALID: Code.TOKEN_TAMPERED,
    Code.SESSION_ENDED: Code.SESSION_REVOKED,
    Code.SESSION_EXPIRED_IDLE: Code.SESSION_EXPIRED,
    Code.SESSION_EXPIRED_ABSOLUTE: Code.SESSION_EXPIRED,
}
UseCase = Callable[[Crossing], Envelope[Any] | Refusal]
"""What an operation does with a crossing; it cannot await."""
