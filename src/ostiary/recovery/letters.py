"""The letters of recovery, in plain words. A link carries its token in the fragment, which no server sees or logs."""

import msgspec

from ostiary.kernel.clock import MINUTE, SECOND, instant
from ostiary.mail.model import Letter
from ostiary.recovery.model import CODE_LIFE, CONTEST_PERIOD, DAY, Run

__all__ = ["Page", "begun", "code", "contested", "done"]

_NOTHING = "Nothing about your role, your rights or your name changes by a recovery."


class Page(msgspec.Struct, frozen=True):
    """Where a letter leads: this server's origin, a tenant, and whether that tenant's people use our own pages."""

    origin: str
    tenant: str
    ours: bool


def code(page: Page, attempt: str, digits: str, to: str) -> Letter:
    """Write the letter with the code, and with a link that fills it in where the page is ours."""
    origin, tenant = page.origin, page.tenant
    opened = (
        f" Or open, in that\nsame browser,\n{origin}/recovery/code#{tenant}.{attempt}.{digits}" if page.ours else ""
    )
    text = f"""Somebody, probably you, wants to recover your account at {origin}.

Your code: {digits}

It is good for {CODE_LIFE // MINUTE} minutes, once. Type it where you asked for it.{opened}

Was that not you? Then do nothing: without this code nothing happens. Give the code to nobody, whoever asks.
"""
    return Letter(to, "Your recovery code", text, "recovery_code", CODE_LIFE)


def begun(page: Page, run: Run, cancel: str, to: str) -> Letter:
    """Write the notice that a recovery has begun, with the link that cancels it."""
    origin, tenant = page.origin, page.tenant
    wait = (
        f"At {_read(run.ready_at)} a new passkey can be made for it" if run.ready_at > run.begun_at
        else "A new passkey can be made for it now"
    )  # fmt: skip
    text = f"""A recovery of your account at {origin} has begun.

{wait}, and your old passkeys will sign in no more. {_NOTHING}

Was that not you? Then cancel it; you need not sign in for that:
{origin}/recovery/cancel#{tenant}.{cancel}
"""
    return Letter(to, "Your account is being recovered", text, "recovery_begun", run.expires_at - run.begun_at)


def done(page: Page, run: Run, to: str) -> Letter:
    """Write the notice that it is done, and how an old passkey undoes it."""
    origin = page.origin
    where = f":\n{origin}/recovery/contest" if page.ours else " in the application where you used it."
    until = _read(run.executed_at + CONTEST_PERIOD)
    text = f"""Your account at {origin} was recovered with a new passkey.

All sessions were ended, and the old passkeys are set aside. {_NOTHING}

Was that not you? Until {until} one of your old passkeys can undo it{where}
"""
    return Letter(to, "Your account was recovered", text, "recovery_done", DAY)


def contested(page: Page, to: str) -> Letter:
    """Write the notice that a recovery was undone."""
    text = f"""A recovery of your account at {page.origin} was undone with one of the old passkeys.

All sessions were ended. The passkeys from before the recovery sign in again, those that came with it or after it do
not. {_NOTHING}

Was that not you? Then tell whoever runs {page.origin} at once: somebody has one of your old passkeys.
"""
    return Letter(to, "The recovery of your account was undone", text, "recovery_contested", DAY)


def _read(micros: int) -> str:
    """Write an instant for a reader, to the minute."""
    text = instant(micros - micros % (60 * SECOND))
    return f"{text[:10]} {text[11:16]} UTC"
