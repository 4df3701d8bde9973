"""`ostiary sessions`: list, show, revoke."""

import json
import sys
from collections.abc import Iterable, Iterator

from ostiary.app import House
from ostiary.cli.terminal import answer, house, operator, say, table
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Refusal
from ostiary.sessions import service
from ostiary.sessions.model import EndReason, Session, ends_because, judge
from ostiary.web.problems import cause

__all__ = ["list_sessions", "revoke", "show"]


def list_sessions(*, person: str = "", most: int = 100, json_: bool = False) -> int:
    """List sessions, newest first; those that ended are listed too, with the reason.

    Parameters
    ----------
    person
        Only the living sessions of this person.
    most
        How many at most.
    json_
        Print one JSON object a line.
    """
    with house() as opened:
        rules = service.Rules(opened.keyring, opened.settings.sessions)
        found = opened.vault.read_now(
            opened.scope,
            lambda tx: service.list_live(tx, rules, person) if person else service.newest(tx, most),
        )
        rows = [_row(opened, rules, session) for session in found]
    table(rows, as_json=json_, empty="No session yet.")
    return 0


def show(session: str, /, *, json_: bool = False) -> int:
    """Show one session: why it lives, or why it ended.

    Parameters
    ----------
    session
        The session's id.
    json_
        Print one JSON object.
    """
    with house() as opened:
        rules = service.Rules(opened.keyring, opened.settings.sessions)
        found = opened.vault.read_now(opened.scope, lambda tx: service.find(tx, session))
        if isinstance(found, Refusal):
            return answer(found)
        row = _row(opened, rules, found) | {
            "opened by": found.factor,
            "made": instant(found.created_at),
            "ends idle": instant(found.idle_expires_at(rules.settings)),
            "ends at the latest": instant(found.hard_end(rules.settings)),
        }
    if json_:
        say(json.dumps(row))
    else:
        for name, value in row.items():
            say(f"{name:20}{value}")
    return 0


def revoke(*sessions: str, stdin: bool = False) -> int:
    """End sessions. When the line is printed, every check sent from then on is refused.

    Parameters
    ----------
    sessions
        Ids of the sessions to end.
    stdin
        Read ids from standard input, one a line, and print a timestamp for each acknowledgement.
    """
    code = 0
    with house() as opened:
        for session in _lines() if stdin else iter(sessions):
            code = max(code, _revoke(opened, session))
    return code


def _revoke(opened: House, session: str) -> int:
    outcome = opened.vault.transact_now(
        opened.scope, lambda tx: service.end(tx, operator(), session, EndReason.ENDED_BY_OPERATOR)
    )
    if isinstance(outcome, Refusal):
        return answer(outcome)
    say(f"{opened.clock() / 1e6:.6f} ended {session}")
    sys.stdout.flush()
    return 0


def _lines() -> Iterator[str]:
    lines: Iterable[str] = sys.stdin
    return (line.strip() for line in lines if line.strip())


def _row(opened: House, rules: service.Rules, session: Session) -> dict[str, object]:
    dead = judge(session, opened.clock(), rules.settings)
    reasons = (session.end_reason,) if session.end_reason else ()
    return {
        "id": session.id,
        "person": session.person,
        "state": "alive" if dead is None else "ended",
        "because": session.factor if dead is None else cause(Refusal(dead, reasons)),
        "will_end_by": ends_because(session, rules.settings) if dead is None else "-",
        "device": service.label(rules, session),
        "last_seen": instant(session.last_seen_at),
    }
