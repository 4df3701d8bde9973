"""The user service of the contract (device-sessions, section 8), whole and in memory; `python -m tests.rigs.userservice PORT`."""

import sys
import threading
from contextlib import contextmanager
from urllib.parse import unquote

from tests.rigs.restservice import RestService, Trouble, running, strict

INTERNAL = "/api/v1/internal"
CONTEXT = {"preferred_language", "time_zone"}


class UserService(RestService):
    """`people` by id: their address and the context they were made with. An address matches exactly, after trimming."""

    def __init__(self):
        super().__init__()
        self.people, self.blocked_people, self.blocked_addresses = {}, {}, {}

    def add(self, address, **context):
        """Make somebody; return the id."""
        made = f"user-{len(self.people) + 1}"
        self.people[made] = (address.strip(), context)
        return made

    def operations(self):
        return {
            ("POST", f"{INTERNAL}/user-resolutions/by-email"): self.resolve,
            ("GET", f"{INTERNAL}/users/*/exists"): self.exists,
            ("POST", f"{INTERNAL}/users/ensure-by-email"): self.ensure,
            ("POST", f"{INTERNAL}/users/*/block"): self.block_person,
            ("POST", f"{INTERNAL}/user-blocks/by-email"): self.block_address,
        }

    def resolve(self, headers, raw):
        address = strict(headers, raw, email=str)["email"].strip()
        return self._blocked("kind", address) or self._existing("kind", address) or {"kind": "creatable"}

    def exists(self, person, headers, raw):
        return {"exists": unquote(person) in self.people}

    def ensure(self, headers, raw):
        body = strict(headers, raw, email=str, registration_context=CONTEXT)
        address = body["email"].strip()
        found = self._blocked("outcome", address) or self._existing("outcome", address)
        return found or {"outcome": "created", "user_id": self.add(address, **body["registration_context"])}

    def block_person(self, person, headers, raw):
        reason = strict(headers, raw, reason_code=str)["reason_code"]
        person = unquote(person)
        if person not in self.people:
            raise Trouble(404, "subject_not_found")
        return self._block(self.blocked_people, person, reason) | {"user_id": person}

    def block_address(self, headers, raw):
        body = strict(headers, raw, email=str, reason_code=str)
        address = body["email"].strip()
        owner = self._owner(address)
        return self._block(self.blocked_addresses, address, body["reason_code"]) | ({"user_id": owner} if owner else {})

    def _owner(self, address):
        return next((person for person, (theirs, _) in self.people.items() if theirs == address), None)

    def _existing(self, field, address):
        owner = self._owner(address)
        return {field: "existing", "user_id": owner} if owner else None

    def _blocked(self, field, address):
        reason = self.blocked_addresses.get(address) or self.blocked_people.get(self._owner(address))
        return {field: "blocked", "block_reason_code": reason} if reason else None

    @staticmethod
    def _block(book, subject, reason):
        already = subject in book
        book.setdefault(subject, reason)
        return {"outcome": "already_blocked" if already else "blocked"}


@contextmanager
def userservice(port=0):
    """Run one for the block."""
    with running(UserService(), port) as made:
        yield made


if __name__ == "__main__":
    with userservice(int(sys.argv[1])) as served:
        print(served.url, flush=True)
        threading.Event().wait()
