"""Issuing a session at the membrane: what it is bound to, its one token, and how it is shown."""

from typing import Any

import msgspec

from ostiary.identities import refs
from ostiary.kernel.clock import instant
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Factor
from ostiary.membrane import store
from ostiary.membrane.bodies import Durable
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.model import Binding
from ostiary.presence import service as presence
from ostiary.presence.model import Held
from ostiary.sessions import bearer
from ostiary.sessions import service as sessions
from ostiary.sessions.service import Opened

__all__ = ["Issue", "Made", "chosen_ref", "issue", "lifecycle", "shown", "token_fields"]


class Issue(msgspec.Struct, frozen=True):
    """The session that is asked for. `ref` is the client's own name for it, or ""; `life` is in microseconds.

    `family` is what it shall end with, "" for one of its own.
    """

    person: str
    ref: str
    scopes: tuple[str, ...]
    life: int
    vessel: str
    standing: str
    device: str
    client: str
    family: str = ""


class Made(msgspec.Struct, frozen=True):
    """A session that is there, and what it was issued for; `token` is shown this once."""

    session: str
    key: str
    token: str
    commitment: str
    scopes: list[str]
    expires_at: int
    ref: str
    presence: str

    def __repr__(self) -> str:
        """Show no token, whoever prints it."""
        return f"Made({self.session!r})"


def issue(c: Crossing, wanted: Issue, held: Held, taken: Code) -> Made | Refusal:
    """Issue a session and consume the proof of presence; `taken` is the refusal of a ref that is another's.

    Whoever calls holds the proof's row.
    """
    session = bearer.new_token_id(c.tx)
    chosen = chosen_ref(c, wanted.ref, taken)
    if isinstance(chosen, Refusal):
        return chosen
    bound = Binding(
        session,
        chosen or refs.ref_of(c.tx, "auth_session", session),
        wanted.vessel,
        wanted.standing,
        wanted.device,
        wanted.client,
        held.id,
        "",
        c.tx.now + wanted.life,
    )
    if not store.add_binding(c.tx, bound):
        return Refusal(taken)
    if not presence.use(c.tx, held):
        raise ContractBroken("a proof of presence that was held was consumed by another")
    family = _family(c, wanted, held, session)
    wish = bearer.Wish(wanted.person, wanted.vessel or "membrane", wanted.life, wanted.scopes, session, family)
    mine = msgspec.structs.replace(c.caller, actor=wanted.person)
    opened = bearer.issue(c.tx, c.desk.sessions, mine, wish, Factor.PASSKEY, f"presence:{held.id}")
    if isinstance(opened, Refusal):
        raise ContractBroken("a session whose scopes were allowed was refused")
    return shown(c, opened, bound)


def _family(c: Crossing, wanted: Issue, held: Held, session: str) -> str:
    """Return what the session shall end with: the caller's own family, else one that its passkey begins."""
    question = store.hold(c.tx, held.subject)
    return wanted.family or (f"{question.passkey}:{session}" if question else session)


def chosen_ref(c: Crossing, text: str, taken: Code) -> str | Refusal:
    """Return the ref that a client chose for a new session, "" for none; refuse a taken one and an id of ours."""
    if not text:
        return ""
    name = named("auth_session", text)
    if name is None or sessions.is_session(name.removeprefix("fixture_")):
        return Refusal(Code.REQUEST_MALFORMED, ("session",))
    free = store.binding_of(c.tx, text) is None and refs.target(c.tx, "auth_session", text) == name
    return text if free else Refusal(taken)


def shown(c: Crossing, opened: Opened, bound: Binding) -> Made:
    """Return what is shown of a session that was opened; its token is noted, so that the flags can tell of it."""
    session = opened.session
    c.witness.saw("token", opened.cookie.encode())
    return Made(
        session.id,
        session.key,
        opened.cookie,
        session.commitment,
        session.scopes.split(),
        session.hard_end(c.desk.sessions.settings),
        bound.ref,
        bound.presence,
    )


def token_fields(c: Crossing, made: Made, receipt: str) -> dict[str, Any]:
    """Return the fields of an answer that shows a token."""
    return {
        "session": made.ref,
        "session_lifecycle": lifecycle(made.session),
        "bearer_token": made.token,
        "token_type": "Bearer",
        "token_commitment": made.commitment,
        "expires_at": instant(made.expires_at),
        "scopes": made.scopes,
        "signer": c.signer(made.key),
        "durable_commit": c.commit(receipt),
        "durable_state": Durable(made.ref, "active", instant(made.expires_at)),
    }


def lifecycle(session: str) -> str:
    """Return the ref of a session's life: every receipt about it has the same subject."""
    return ref("session_lifecycle", session)
