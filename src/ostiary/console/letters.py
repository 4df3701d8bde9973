"""The development page of captured letters: on the internal listener only, of a server that this machine alone uses."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.console.pages import Pages
from ostiary.kernel.clock import instant
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.mail import service
from ostiary.mail.model import MailMode
from ostiary.storage.vault import Vault
from ostiary.web.front import POLICY

__all__ = ["LETTERS", "Letters", "is_development"]

LETTERS = "/dev/mail"
"""The page's path."""

_MOST = 50
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Letters(msgspec.Struct, frozen=True):
    """Shows the newest captured letters, with their text. `asset` serves the files that the page loads."""

    pages: Pages
    scope: Scope
    vault: Vault
    keyring: Keyring
    asset: Callable[[Request], Awaitable[Response]]

    def routes(self) -> tuple[Route, ...]:
        """Return the page and its files."""
        return Route(LETTERS, self.show), Route("/static/{name}", self.asset)

    async def show(self, request: Request) -> Response:
        """Show them, newest first."""
        found = await self.vault.read(self.scope, lambda tx: service.captured(tx, self.keyring, _MOST))
        rows = [
            {"id": one.id, "at": instant(one.at), "to": one.letter.to, "subject": one.letter.subject}
            | {"text": one.letter.text, "purpose": one.letter.purpose}
            for one in found
        ]
        return Response(self.pages.render("letters", letters=rows), headers=_HEADERS, media_type="text/html")


def is_development(mode: MailMode, host: str) -> bool:
    """Tell whether letters are captured on a server that only this machine's own browsers use.

    Elsewhere whoever made a service behind Ostiary fetch a page for them would read everybody's codes.
    """
    return mode is MailMode.STUB and host in _LOCAL
