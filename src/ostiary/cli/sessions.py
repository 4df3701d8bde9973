"""`ostiary sessions`: list, show, issue, revoke."""

import json
import os
import sys
from collections.abc import Iterator, Sequence

from ostiary.cli.device_rows import device_row
from ostiary.cli.terminal import DEFAULT_TENANT, Count, answer, house, one, operator, say, shown, table, to_the_second
from ostiary.house import House
from ostiary.identities import service as identities
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.refusals import Code, Refusal
from ostiary.sessions import bearer, own, service
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Act, Actor, DeviceSession, Reason
from ostiary.sessions.model import BEARER, EndReason, Session, SessionSettings, ends_because, judge
from ostiary.storage.tx import Tx
from ostiary.web.catalogue import cause

__all__ = ["batches", "issue", "list_sessions", "revoke", "show"]

_CHUNK = 65_536
_GROUP = 100
_LABEL = 64
_OPERATOR = "operator"


def list_sessions(*, person: str = "", most: Count = 100, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List sessions, newest first, those that ended too.

    Parameters
    ----------
    person
        Only the living sessions of the person with this id.
    most
        How many at most.
    tenant
        The tenant's name.
    json_
        Print one JSON object a line, with every field.
    """
    with house(tenant=tenant) as opened:
        if person and not _may_be_one(opened, person):
            return answer(Refusal(Code.PERSON_UNKNOWN), person)
        rules = service.Rules(opened.keyring, opened.settings.sessions)
        found = opened.vault.read_now(opened.scope, lambda tx: _found(tx, rules, person, most))
        rows = [_fields(opened, rules, session) for session in found]
    table(rows if json_ else list(map(_short, rows)), as_json=json_, empty="No session.")
    return 0


def _found(tx: Tx, rules: service.Rules, person: str, most: int) -> list[Session | DeviceSession]:
    """Return up to `most` sessions of either kind, newest first: those of a person that live, or of everybody."""
    if person:
        return own.living(tx, rules, person)[:most]
    found: list[Session | DeviceSession] = [*service.newest(tx, most), *devices.newest(tx, most)]
    return sorted(found, key=lambda one: one.created_at, reverse=True)[:most]


def _may_be_one(opened: House, person: str) -> bool:
    """Tell whether a text is an id of ours, or that of somebody whom a directory elsewhere has named."""
    return identities.is_person(person) or opened.vault.read_now(
        opened.scope, lambda tx: identities.is_known(tx, person)
    )


def show(session: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Show one session: why it lives, or why it ended.

    Parameters
    ----------
    session
        The session's id.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        rules = service.Rules(opened.keyring, opened.settings.sessions)
        found = opened.vault.read_now(opened.scope, lambda tx: devices.find(tx, session) or service.find(tx, session))
        if isinstance(found, Refusal):
            return answer(found, session)
        row = _fields(opened, rules, found)
    shown(row, as_json=json_)
    return 0


def issue(
    *,
    person: str,
    label: str,
    ttl: int = 0,
    scope: tuple[str, ...] = (),
    tenant: str = DEFAULT_TENANT,
    json_: bool = False,
) -> int:
    """Issue a bearer token to a person, for a program that acts for them.

    It is printed this once, and its end on standard error; a commitment to it is all that is kept. Sent as
    `Authorization: Bearer TOKEN` it is a session like any other, which `list` shows and `revoke` ends. It proves no
    presence.

    Parameters
    ----------
    person
        The person's id.
    label
        What it is for, as the person will see it in their list.
    ttl
        How many seconds it lives at most, 0 for as long as may be; never more than OSTIARY_SESSION_BEARER_TIMEOUT.
    scope
        A scope of the person's that it may use, such as reports.read; may be given several times. Without any it
        opens only services that require none.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    if not (label.strip() and len(label) <= _LABEL):
        raise SettingsError(f"a label of 1 to {_LABEL} characters is expected")
    if ttl < 0:
        raise SettingsError("a session lives for some seconds at least")
    wish = bearer.Wish(person, label.strip(), ttl * SECOND, scope)
    with house(tenant=tenant) as opened:
        rules = service.Rules(opened.keyring, opened.settings.sessions)
        made = opened.vault.transact_now(
            opened.scope,
            lambda tx: bearer.issue(tx, rules, operator(), wish, _OPERATOR),
        )
    if isinstance(made, Refusal):
        return answer(made, person)
    ends = made.session.hard_end(rules.settings)
    if json_:
        one({"id": made.session.id, "token": made.cookie, "expires_at": instant(ends)}, as_json=True)
    else:
        say(made.cookie)
        sys.stderr.write(f"The token ends at {to_the_second(instant(ends))} UTC at the latest.\n")
    if ends - made.session.created_at < wish.life:
        sys.stderr.write(f"That is sooner than was asked for: {_shortest(rules.settings)} allows no more.\n")
    return 0


def _shortest(settings: SessionSettings) -> str:
    """Return which setting bounds the life of a fresh token."""
    return "OSTIARY_SESSION_" + ("REFRESH_TIMEOUT" if settings.family < settings.bearer else "BEARER_TIMEOUT")


def revoke(*sessions: str, stdin: bool = False, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """End sessions.

    One line is printed for each, with the time, once its end is durable and every check that is sent from then on is
    refused. Ending one that has ended is no error; an unknown id is, and the others are ended all the same.

    Parameters
    ----------
    sessions
        Ids of the sessions to end.
    stdin
        Read ids from standard input as they come, one a line.
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    if bool(sessions) is stdin:
        raise SettingsError("name the sessions to end, or give them by --stdin: one of the two")
    code = 0
    with house(tenant=tenant) as opened:
        for batch in batches(sys.stdin.fileno()) if stdin else [sessions]:
            for start in range(0, len(batch), _GROUP):
                code = max(code, _revoke(opened, batch[start : start + _GROUP], as_json=json_))
    return code


def batches(source: int) -> Iterator[Sequence[str]]:
    """Yield what has arrived on a file descriptor, as lines, without waiting for more than one."""
    rest = b""
    while chunk := os.read(source, _CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        yield _ids(lines)
    yield _ids([rest])


def _ids(lines: Sequence[bytes]) -> Sequence[str]:
    return [line.decode("ascii", "backslashreplace").strip() for line in lines if line.strip()]


def _revoke(opened: House, sessions: Sequence[str], *, as_json: bool) -> int:
    """End a group in one transaction and acknowledge each; what was acknowledged is durable and settled."""
    if not sessions:
        return 0

    act = _act()
    outcomes = opened.vault.transact_now(opened.scope, lambda tx: [_end(tx, act, session) for session in sessions])
    now = opened.clock()
    for session, outcome in zip(sessions, outcomes, strict=True):
        if not isinstance(outcome, Refusal):
            row = {"id": session, "acknowledged_at": instant(now)}
            say(json.dumps(row) if as_json else f"{now / SECOND:.6f} ended {session}")
    sys.stdout.flush()
    return max(answer(outcome, session) for session, outcome in zip(sessions, outcomes, strict=True))


def _act() -> Act:
    caller = operator()
    return Act(caller, Actor("admin", caller.actor.partition(":")[2]), Reason.ADMIN_REVOKE.value)


def _end(tx: Tx, act: Act, session: str) -> object | Refusal:
    """End a session of either kind; one that has ended stays as it is."""
    if devices.is_device_session(session):
        return devices.revoke(tx, act, session)
    return service.end(tx, act.caller, session if service.is_session(session) else "", EndReason.ENDED_BY_OPERATOR)


def _short(row: dict[str, object]) -> dict[str, object]:
    return {
        "id": row["id"],
        "state": row["state"],
        "because": row["because"],
        "device": row["label"],
        "last_seen": to_the_second(str(row["last_seen_at"] or "-")),
        "person": row["person"],
    }


def _fields(opened: House, rules: service.Rules, session: Session | DeviceSession) -> dict[str, object]:
    if isinstance(session, DeviceSession):
        return device_row(session, opened.clock())
    dead = judge(session, opened.clock(), rules.settings)
    reasons = (session.end_reason,) if session.end_reason else ()
    return {
        "id": session.id,
        "kind": session.kind,
        "person": session.person,
        "state": "alive" if dead is None else "ended",
        "because": session.factor if dead is None else cause(Refusal(dead, reasons)),
        "will_end_by": ends_because(session, rules.settings) if dead is None else None,
        "label": service.label(rules, session),
        "opened_by": session.factor,
        "created_at": instant(session.created_at),
        "last_seen_at": instant(session.last_seen_at),
        "idle_expires_at": instant(session.idle_expires_at(rules.settings)),
        "absolute_expires_at": instant(session.hard_end(rules.settings)),
        "scopes": session.scopes.split() if session.kind == BEARER else None,
        "refreshable_until": instant(session.family_ends_at) if session.kind == BEARER else None,
        "ended_at": instant(session.ended_at) if session.ended_at else None,
    }
