"""The mail service of the contract (device-sessions, section 9), whole and in memory; `python -m tests.rigs.mailservice PORT`."""

import json
import sys
import threading
from contextlib import contextmanager

from tests.rigs.restservice import RestService, Trouble, running, strict

INTERNAL = "/api/v1/internal"


class MailService(RestService):
    """`codes` and `letters` are what was accepted, `suppressed` the addresses that get nothing, as if they did.

    One key is one delivery: the same body again gets the first answer and sends nothing, another one is a conflict.
    `told` hears each delivery: its key and its body. `refuses` is a status that whole letters get, while an empty one is
    looked at as ever; 0 for none.
    """

    def __init__(self, told=lambda *_: None):
        super().__init__()
        self.told = told
        self.codes, self.letters, self.suppressed, self.keys = [], [], set(), {}
        self.refuses = 0

    def operations(self):
        return {
            ("POST", f"{INTERNAL}/login-code-deliveries"): self.code,
            ("POST", f"{INTERNAL}/letter-deliveries"): self.letter,
        }

    def code(self, headers, raw):
        return self._once(headers, strict(headers, raw, email=str, code=str, locale=str), self.codes)

    def letter(self, headers, raw):
        return self._once(headers, strict(headers, raw, email=str, subject=str, text=str, purpose=str), self.letters)

    def _once(self, headers, body, kept):
        key = headers.get("idempotency-key", "").strip()
        if not key:
            raise Trouble(400)
        if self.refuses:
            raise Trouble(self.refuses)
        if key in self.keys:
            before, outcome = self.keys[key]
            if before != body:
                raise Trouble(409)
            return outcome
        outcome = {"outcome": "suppressed" if body["email"].strip() in self.suppressed else "sent"}
        if outcome["outcome"] == "sent":
            kept.append(body)
            self.told(key, body)
        self.keys[key] = body, outcome
        return outcome


@contextmanager
def mailservice(port=0, **more):
    """Run one for the block."""
    with running(MailService(**more), port) as made:
        yield made


def printed(key, body):
    """Print a delivery as one line of JSON."""
    print(json.dumps({"key": key, **body}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    with mailservice(int(sys.argv[1]), told=printed) as served:
        print(served.url, flush=True)
        threading.Event().wait()
