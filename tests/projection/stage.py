"""An Ostiary with a Redis of the test's own: device sessions open and end by the server's own use cases."""

import json

import msgspec
from sqlalchemy import delete, insert

from ostiary.identities.store import tenants
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Event, EventName
from ostiary.projection.model import ProjectionSettings
from ostiary.projection.publisher import Publisher
from ostiary.projection.rebuilding import fill, sweep
from ostiary.projection.redis import RedisMirror
from ostiary.projection.truth import Truth
from ostiary.projection.verification import Verification
from ostiary.sessions.device import service as devices
from ostiary.sessions.device import store
from ostiary.sessions.device.model import Act, Actor, DeviceSession, Reason
from ostiary.storage import snapshots
from ostiary.storage.statements import Statement
from tests.sessions.home import OPERATOR, Home

KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
ACT = Act(OPERATOR, Actor("system"), Reason.ADMIN_REVOKE)


class Stage(Home):
    """A home whose `server` is a Redis; `client` looks into it, `mirror` and `publisher` are the code under test."""

    def __init__(self, folder, server, *, url="", **environ):
        self.server = server
        super().__init__(folder, url=url, **environ)
        self.client = server.client() if hasattr(server, "client") else None
        self.mirrors = []
        self.mirror = self.mirrored()
        self.publisher = self.publishing()

    def mirrored(self, **given):
        """Another connection to that Redis."""
        settings = ProjectionSettings(addr=("127.0.0.1", self.server.port)).patient
        settings = msgspec.structs.replace(settings, **given)
        self.mirrors.append(RedisMirror(settings))
        return self.mirrors[-1]

    def publishing(self, mirror=None):
        """A publisher of its own, as another process would have."""
        mirror = mirror or self.mirror
        return Publisher(self.house.vault, self.scope, self.house.clock, system_secrets, mirror, mirror)

    def close(self):
        for mirror in self.mirrors:
            self.run(mirror.close())
        if self.client is not None:
            self.client.close()
        super().close()

    def opened(self, *, life=0, person="user-123"):
        """Open a device session; return it."""
        opening = devices.Opening(person, KEY, f"challenge-{system_secrets(9).hex()}", life)
        made = self.act(lambda tx: devices.open_session(tx, OPERATOR, opening))
        assert isinstance(made, DeviceSession), made
        return made

    def revoked(self, session):
        """Revoke one."""
        done = self.act(lambda tx: devices.revoke(tx, ACT, session))
        assert not isinstance(done, Refusal), done

    def of_another_tenant(self, mode):
        """Put a session of another tenant of that mode beside; return its id."""
        name = f"dev-of-another-{mode}"
        made = DeviceSession(name, mode, "user-9", KEY, f"challenge-{name}", self.clock())
        tenant = Statement(insert(tenants).values(id=mode, mode=mode, founder="", created_at=1))

        def put(tx):
            tx.do(tenant)
            assert store.add(tx, made)
            snapshots.mark(tx, made.id)
            tx.emit(Event(EventName.SESSION_OPEN, OPERATOR, made.id))

        self.act(put)
        return made.id

    def forget(self, tx, session):
        """Delete a session, as the collection does a month after its end."""
        tx.do(Statement(delete(store.device_sessions).where(store.device_sessions.c.id == session)))
        tx.emit(Event(EventName.SESSION_COLLECT, OPERATOR, session))

    def published(self, *sessions):
        """Publish these, as a request handler does after its commit; tell whether that was done."""
        return self.run(self.publisher.publish(sessions))

    def followed(self):
        """Let the follower go round once, and finish what it began."""
        self.run(self.publisher._round())
        filling = self.publisher._restorer._filling
        if filling is not None:
            self.run(filling)

    def waiting(self):
        """How many sessions wait to be published."""
        return self.read(snapshots.waiting)[0]

    def value(self, session):
        """What stands under a session's key, or None."""
        text = self.client.get(f"gateway:session:{session}")
        return None if text is None else json.loads(text)

    def events(self, session=None):
        """The stream's entries, oldest first."""
        told = [fields for _, fields in self.client.xrange("gateway:session_events")]
        return [fields for fields in told if session in {None, fields["device_session_id"]}]

    def truth(self):
        """The truth, as rebuild and verify see it."""
        return Truth(self.house.vault, self.scope, self.house.clock)

    def rebuilt(self):
        """Rebuild; return how many stood otherwise, and how many were removed."""
        return self.run(fill(self.truth(), self.mirror, silent)).changed, self.run(sweep(self.truth(), self.mirror))

    def verified(self):
        """Verify; return the differences by session, and the walk with its counts."""
        walk = Verification(self.truth(), self.mirror, silent)

        async def walked():
            return {one.session: one async for one in walk.differences()}

        return self.run(walked()), walk


async def silent(_):
    """Tell nobody how far it got."""
