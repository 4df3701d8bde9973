"""`ostiary people block`, `unblock` and `blocks`."""

import asyncio
import sys

from ostiary.cli.terminal import DEFAULT_TENANT, answer, house, one, operator, say, table, to_the_second
from ostiary.elsewhere import directory
from ostiary.house import House
from ostiary.identities import service as identities
from ostiary.identities.blocks import service as blocks
from ostiary.identities.blocks.model import Over, is_reason
from ostiary.identities.directory import Directory
from ostiary.kernel.clock import instant
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.refusals import Code, Refusal
from ostiary.sessions import blocking
from ostiary.sessions.blocking import BlockDone, Subject, SubjectKind
from ostiary.sessions.device.model import Act, Actor, Outcome
from ostiary.storage.tx import Tx

__all__ = ["block", "list_blocks", "set_over", "unblock"]

_ADMIN = "admin"


def block(who: str, /, *, reason: str, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Let a person, or whoever has an address, do nothing from now on.

    Every session of theirs ends, of browsers, programs and devices; printed once every check that is sent from then
    on is refused. An address is blocked however it is written, also where nobody has it yet.

    Parameters
    ----------
    who
        The person's id, or an e-mail address.
    reason
        The code of the reason, such as policy_blocked.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    reason = reason.strip()
    if not is_reason(reason):
        raise SettingsError("a reason is 1 to 128 letters on one line")
    with house(tenant=tenant) as opened:
        outcome = set_over(opened, directory(opened), who, reason)
    if isinstance(outcome, Refusal):
        return _refused(outcome, who)
    if json_:
        one(_fields(outcome), as_json=True)
    else:
        done = "blocked" if outcome.outcome is Outcome.BLOCKED else "blocked already"
        say(f"{done}: {outcome.subject.value} ({_count(len(outcome.sessions) + outcome.others)} ended)")
    return 0


def unblock(who: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Lift a block; one of the other kind stays.

    A person stays blocked while their address is. Nothing that ended comes back.

    Parameters
    ----------
    who
        The person's id, or an e-mail address: what was blocked.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:

        def use_case(tx: Tx) -> tuple[BlockDone, list[str]] | Refusal:
            done = blocking.unblock(tx, opened.keyring, _act(""), _subject(tx, who))
            if isinstance(done, Refusal):
                return done
            return done, [person for person in done.people if blocks.of_person(tx, person)]

        outcome = opened.vault.transact_now(opened.scope, use_case)
        elsewhere = directory(opened) is not None
    if isinstance(outcome, Refusal):
        return _refused(outcome, who)
    done, still = outcome
    if json_:
        told = {"outcome": done.outcome.value, "subject_kind": done.subject.kind.value}
        one(told | {"subject_value": done.subject.value, "still_blocked": still}, as_json=True)
    else:
        say(f"{'unblocked' if done.outcome is Outcome.UNBLOCKED else 'not blocked'}: {done.subject.value}")
    for person in still:
        sys.stderr.write(f"{person} stays blocked: `ostiary people show {person}` says by what.\n")
    if elsewhere:
        sys.stderr.write("The directory keeps its own block: lift it there too.\n")
    return 0


def list_blocks(*, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List the blocks that stand, oldest first, those of addresses that nobody has too.

    A blocked address is not stored: it is named by its keyed hash, as in receipts. `ostiary people show EMAIL` tells
    whether one that is known is blocked.

    Parameters
    ----------
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    with house(tenant=tenant) as opened:
        rows = list(map(_standing, opened.vault.read_now(opened.scope, blocks.of_tenant)))
    table(rows if json_ else list(map(_short, rows)), as_json=json_, empty="Nobody is blocked.")
    return 0


def set_over(opened: House, others: Directory | None, who: str, reason: str) -> BlockDone | Refusal:
    """Block whoever is meant, and tell a directory elsewhere first."""
    subject, act = opened.vault.read_now(opened.scope, lambda tx: _subject(tx, who)), _act(reason)
    named = asyncio.run(_told(others, opened, act, subject))
    if isinstance(named, Refusal):
        return named
    return opened.vault.transact_now(opened.scope, lambda tx: blocking.block(tx, opened.keyring, act, subject, named))


async def _told(others: Directory | None, opened: House, act: Act, subject: Subject) -> str | Refusal:
    try:
        return await blocking.tell(others, opened.scope, act, subject)
    finally:
        await opened.leave()


def _subject(tx: Tx, who: str) -> Subject:
    """Tell what a word means: whom we know by that id, else an address if there is an @ in it."""
    by_address = "@" in who and not identities.is_known(tx, who)
    return Subject(SubjectKind.EMAIL, who.strip()) if by_address else Subject(SubjectKind.USER_ID, who)


def _act(reason: str) -> Act:
    caller = operator()
    return Act(caller, Actor(_ADMIN, caller.actor.partition(":")[2]), reason)


def _refused(refusal: Refusal, who: str) -> int:
    unknown = refusal.code is Code.SUBJECT_NOT_FOUND
    return answer(Refusal(Code.PERSON_UNKNOWN) if unknown else refusal, who)


def _count(number: int) -> str:
    return "1 session" if number == 1 else f"{number or 'no'} sessions"


def _standing(over: Over) -> dict[str, object]:
    word = over.block.word
    return {
        "kind": over.block.kind.value,
        "subject": over.subject,
        "reason": word.reason,
        "actor": f"{word.actor_type}:{word.actor_id}".removesuffix(":"),
        "blocked_by": over.block.by,
        "blocked_since": instant(over.block.at),
    }


def _short(row: dict[str, object]) -> dict[str, object]:
    kept = {name: row[name] for name in ("subject", "reason", "actor")}
    return kept | {"since": to_the_second(str(row["blocked_since"]))}


def _fields(done: BlockDone) -> dict[str, object]:
    return {
        "outcome": done.outcome.value,
        "subject_kind": done.subject.kind.value,
        "subject_value": done.subject.value,
        "people": list(done.people),
        "affected_session_count": len(done.sessions),
        "affected_device_session_ids": list(done.sessions),
        "other_sessions_ended": done.others,
    }
