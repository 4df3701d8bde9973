"""The ways from the sign-in page to the pages of services: to registered hosts only, with a one-time code."""

from urllib.parse import urlencode

import msgspec

from ostiary.gateway import landing
from ostiary.kernel.clock import Clock
from ostiary.kernel.ids import Secrets
from ostiary.keys.keyring import Keyring
from ostiary.services.destinations import destination
from ostiary.services.model import Service, is_host
from ostiary.services.registrations import Registrations
from ostiary.sessions.model import Living

__all__ = ["BEGIN", "LAND", "Onward"]

BEGIN = "/.ostiary/sign-in"
LAND = "/.ostiary/land"
_DIGEST = 64


class Onward(msgspec.Struct, frozen=True):
    """See `console.model.Ways`. `origin` is where people sign in."""

    origin: str
    registrations: Registrations
    keyring: Keyring
    clock: Clock
    secrets: Secrets

    @property
    def own(self) -> str:
        """The origin's own host, with its port."""
        return self.origin.partition("://")[2]

    async def service(self, host: str) -> Service | None:
        """Return the service that a host is registered for; no other text is asked for."""
        return await self.registrations.at(host) if is_host(host) else None

    async def known(self, text: str) -> bool:
        """Tell whether an address is a page of a registered host."""
        to = destination(text)
        return to is not None and await self.service(to.host) is not None

    async def onward(self, text: str, browser: str, session: Living) -> str:
        """Return where a browser that is signed in goes next on its way to an address that is known.

        On the origin's own host that is the page itself. Elsewhere the browser must have begun there: it
        takes a code along, or is sent to begin.
        """
        to = destination(text)
        service = await self.service(to.host) if to else None
        if to is None or service is None:
            return self.origin
        if to.host == self.own:
            return to.url
        if len(browser) != _DIGEST:
            return f"{to.scheme}://{to.host}{BEGIN}?{urlencode({'to': to.path})}"
        code = landing.make_code(self.keyring, self.secrets, self.clock(), to, service, browser, session)
        return f"{to.scheme}://{to.host}{LAND}?code={code}"
