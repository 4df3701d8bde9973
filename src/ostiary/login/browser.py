"""The pre-login cookie: a signed id that ties an attempt to the browser that began it (rulings 5 and 57)."""

from ostiary.kernel.ids import Secrets, new_id
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.sessions import wire
from ostiary.web.cookies import PRELOGIN, clear_cookie, set_cookie

__all__ = ["browser_cookie", "forget_browser"]

_SECONDS = 1200
"""Longer than anything that a browser begins before it signs in: a code by mail is good for 15 minutes."""


def browser_cookie(keyring: Keyring, secrets: Secrets, scope: Scope, browser: str) -> tuple[str, str]:
    """Return the browser's id (a fresh one where it had none) and the Set-Cookie value that renews it."""
    known = browser or new_id("pl", secrets)
    value = wire.seal(known, keyring.active(scope.tenant, Purpose.PRELOGIN))
    return known, set_cookie(PRELOGIN, value, _SECONDS)


def forget_browser() -> str:
    """Return the Set-Cookie value that removes the pre-login cookie, once it has served."""
    return clear_cookie(PRELOGIN)
