"""What a check makes of a service cookie: the session it came from, for its own service on its own host only."""

from collections.abc import Awaitable, Callable

from ostiary.gateway import store
from ostiary.gateway.model import ServiceSession
from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.services.model import Service
from ostiary.services.registrations import Fetch
from ostiary.sessions import wire

__all__ = ["Passes"]


class Passes:
    """Turns the value of a service cookie into that of its parent, whose life is then asked for like any other's."""

    def __init__(self, tenant: str, keyring: Keyring, fetch: Fetch, learn: Callable[[str], Awaitable[None]]) -> None:
        self._tenant, self._keyring, self._fetch, self._learn = tenant, keyring, fetch, learn

    async def parent(self, value: bytes, service: Service, hosts: list[bytes]) -> bytes | Refusal:
        """Return the parent's cookie value; refuse a forged pass, one of another service, and one on another host.

        `hosts` are the X-Forwarded-Host headers, as the proxy wrote them: exactly one, naming the pass's host.
        """
        found = await self.find(value, service, hosts)
        if isinstance(found, Refusal):
            return found
        if self._keyring.find(found.parent_key) is None:
            await self._learn(found.parent_key)
        key = self._keyring.find(found.parent_key)
        return _invalid("signing_key_gone") if key is None else wire.seal(found.parent, key).encode("ascii")

    async def find(self, value: bytes, service: Service, hosts: list[bytes]) -> ServiceSession | Refusal:
        """Return the pass itself, by the same rules; says nothing of its parent's life."""
        parsed = wire.parse(value.decode("latin-1"), "svc")
        if parsed is None or not await self._signed(parsed):
            return _invalid("service_cookie_forged")
        rows = await self._fetch(store.FIND, tenant=self._tenant, wanted=parsed[0], signer=parsed[1])
        if not rows:
            return _invalid("service_cookie_unknown")
        found = store.service_session(rows[0])
        if found.scope_id != service.scope_id:
            return _invalid("service_cookie_of_another_service")
        if hosts != [found.host.encode("ascii")]:
            return _invalid("service_cookie_on_another_host")
        return found

    async def _signed(self, parsed: tuple[str, str, str]) -> bool:
        if self._keyring.find(parsed[1]) is None:
            await self._learn(parsed[1])
        key = self._keyring.trusted(parsed[1])
        return key is not None and key.tenant == self._tenant and wire.verify(parsed, key, Purpose.SESSION)


def _invalid(why: str) -> Refusal:
    return Refusal(Code.SESSION_INVALID, (why,))
