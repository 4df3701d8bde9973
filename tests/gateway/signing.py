"""A device at the gateway: a session that was opened in the store, and what its key signs."""

import asyncio
import json
from itertools import count

from ostiary.identities import service as identities
from ostiary.kernel.values import SYSTEM
from ostiary.sessions.device import service
from ostiary.sessions.device.model import Act, Actor
from ostiary.sessions.device.service import Opening
from ostiary_client.device import DeviceKey
from tests.login.gatehouse import OPERATOR

ADMIN = Act(OPERATOR, Actor("admin", "admin-1"), "admin_revoke")
_NUMBERS = count()


class Device:
    """A device whose session lives in that house."""

    def __init__(self, house, person="", life=0):
        self.house, self.key = house, DeviceKey.make()
        self.person = person or somebody(house)
        opening = Opening(self.person, self.key.public, f"ch-{next(_NUMBERS)}", life)
        self.session = house.act(lambda tx: service.open_session(tx, SYSTEM, opening)).id

    def signed(self, payload=b'{"lobby":"7"}', at=None, request="", **given):
        """A request as JSON, signed now unless another time (milliseconds) is told."""
        at = self.house.clock() // 1000 if at is None else at
        made = self.key.sign(
            self.session, "lobby.join", payload, request_id=request or f"r-{next(_NUMBERS)}", timestamp_ms=at
        )
        return made.json() | given

    def ask(self, body=None, path="/check/device", *, raw=None, headers=None):
        """Send it to the internal listener; what is signed anew unless told."""
        sent = None if raw is not None else body or self.signed()
        typed = {"content-type": "application/json"} | (headers or {})
        return self.house.visitor().send("POST", path, sent, raw=raw, headers=typed, internal=True)

    def revoke(self):
        return self.house.act(lambda tx: service.revoke(tx, ADMIN, self.session))

    def together(self, bodies, *houses):
        """Send each body to each house, all at the same time; return the answers."""
        asked = []
        for house in houses:
            for body in bodies:
                sent, raw = house.visitor().dress("POST", body, internal=True)
                asked.append(house.visitor()._exchange("POST", "/check/device", raw, sent, internal=True))

        async def gathered():
            return await asyncio.gather(*asked)

        return self.house.run(gathered())


def somebody(house):
    """The id of a new person."""
    address = f"pilot-{next(_NUMBERS)}@example.test"
    return house.act(lambda tx: identities.add_person(tx, house.house.keyring, OPERATOR, email=address)).id


def code(answer):
    """Status and word of a refusal in the device dialect, "" where it is none."""
    told = json.loads(answer.body)
    assert set(told) == {"error"} or answer.status == 200, told
    return answer.status, told.get("error", {}).get("code", "")
