"""From a session to a service's own cookie: a one-time code, carried by the browser to the service's host (ruling 15).

A code is sealed, so nobody can read or make one; it is good for CODE_LIFE, on one host, in the browser that began
there, while its session lives, and once: the row that it opens counts.
"""

import hmac

import msgspec

from ostiary.gateway import store
from ostiary.gateway.model import CODE_LIFE, LandingCode, ServiceSession
from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.errors import SealBroken
from ostiary.kernel.ids import Secrets, b64url, new_id, unb64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.services import service as services
from ostiary.services.destinations import Destination
from ostiary.services.model import Service
from ostiary.sessions import service as sessions
from ostiary.sessions import wire
from ostiary.sessions.model import Living, judge
from ostiary.storage.tx import Tx

__all__ = ["Landed", "collect", "land", "make_code", "open_code"]

_LONGEST = 4096
_BATCH = 1000


class Landed(msgspec.Struct, frozen=True):
    """A service session that was just opened: its cookie value, for how many seconds it can live, where to go."""

    cookie: str
    seconds: int
    path: str

    def __repr__(self) -> str:
        """Show no cookie, whoever prints it."""
        return f"Landed({self.path!r})"


def make_code(
    keyring: Keyring, secrets: Secrets, now: int, to: Destination, service: Service, browser: str, session: Living
) -> str:
    """Return a one-time code of a living session for one host; `browser` is the hash of who began there."""
    made = LandingCode(
        new_id("lc", secrets),
        service.name,
        service.scope_id,
        to.host,
        to.path,
        session.id,
        browser,
        now + CODE_LIFE,
    )
    return b64url(_sealer(keyring, session.tenant, secrets).seal(_place(session.tenant), msgspec.json.encode(made)))


def open_code(keyring: Keyring, tenant: str, text: str) -> LandingCode | Refusal:
    """Return what a code says, whatever its time; refuse what was not made here."""
    try:
        sealed = unb64url(text) if len(text) <= _LONGEST else b""
        opened = _sealer(keyring, tenant, _no_randomness).open(_place(tenant), sealed)
    except (ValueError, SealBroken):
        return Refusal(Code.LANDING_REFUSED, ("code_forged",))
    return msgspec.json.decode(opened, type=LandingCode)


def land(tx: Tx, rules: sessions.Rules, caller: Caller, code: LandingCode, host: str, browser: str) -> Landed | Refusal:
    """Use a code up: open a service session on `host`. A refusal that changed nothing is recorded by whoever calls."""
    parent = sessions.find(tx, code.session)
    if isinstance(parent, Refusal):
        return _refused("session_gone")
    why = _wrong(tx, rules, code, host, browser, parent)
    if why:
        return _refused(why)
    ends = parent.hard_end(rules.settings)
    made = ServiceSession(new_id("svc", tx.secrets), code.scope_id, host, parent.id, parent.key, ends)
    if not store.add(tx, made, code.id):
        return _refused("code_spent")
    ended = sessions.still(tx, Caller(session=parent.id))
    if ended is not None:
        return tx.refuse(EventName.SERVICE_ENTER, caller, parent.id, _refused("session_ended"))
    acting = msgspec.structs.replace(caller, actor=parent.person, session=parent.id)
    tx.emit(Event(EventName.SERVICE_ENTER, acting, made.id, reasons=(f"service:{code.service}", f"host:{host}")))
    cookie = wire.seal(made.id, rules.keyring.active(tx.scope.tenant, Purpose.SESSION))
    return Landed(cookie, (ends - tx.now) // SECOND, code.path)


def collect(tx: Tx) -> int:
    """Delete service sessions whose parents are over, one batch with one event; return how many.

    Not before every code that was made meanwhile has expired: the row is what keeps a code from landing twice.
    """
    count = store.collect(tx, tx.now - max(MINUTE, CODE_LIFE), _BATCH)
    if count:
        tx.emit(Event(EventName.SERVICE_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def _wrong(tx: Tx, rules: sessions.Rules, code: LandingCode, host: str, browser: str, parent: Living) -> str:
    """Return why a code does not land here and now, "" where it does."""
    if tx.now >= code.expires_at:
        return "code_expired"
    if not hmac.compare_digest(code.host.encode(), host.encode()):
        return "code_of_another_host"
    if not browser or not hmac.compare_digest(code.browser.encode(), browser.encode()):
        return "code_of_another_browser"
    found = services.find(tx, code.service)
    if isinstance(found, Refusal) or found.scope_id != code.scope_id:
        return "service_gone"
    alive = judge(rules.seen.refreshed(parent), tx.now, rules.settings) is None
    return "" if alive else "session_ended"


def _refused(why: str) -> Refusal:
    return Refusal(Code.LANDING_REFUSED, (why,))


def _sealer(keyring: Keyring, tenant: str, secrets: Secrets) -> Sealer:
    return Sealer(keyring.active(tenant, Purpose.DATA).secret, secrets)


def _place(tenant: str) -> tuple[str, str, str]:
    return ("landing.code", "", tenant)


def _no_randomness(count: int) -> bytes:
    raise ValueError(f"opening needs no randomness, yet {count} bytes were asked for")
