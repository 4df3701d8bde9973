"""A device at the gatehouse: it asks for a code, reads its letter where letters lie, and confirms with its own key."""

import base64
import re

from nacl.signing import SigningKey

from ostiary.kernel.values import Caller
from ostiary.mail import service as mail
from ostiary.sessions.device import service as device_sessions
from ostiary.storage.statements import METADATA

OPERATOR = Caller(actor="operator:test")
SEND, CONFIRM = "/api/v1/public/auth/send-email-code", "/api/v1/public/auth/confirm-email-code"
INTERNAL = "/api/v1/internal"
SYSTEM = {"reason_code": "admin_revoke", "actor": {"type": "system"}}
EMAIL = "pilot@example.com"


def new_key():
    """A device's public key, as it is sent."""
    return base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()


class Handset:
    """One device; `place` is the address that it comes from."""

    def __init__(self, home, place="192.0.2.1"):
        self.home, self.place, self.key = home, place, new_key()
        self.browser = home.visitor()

    def send(self, email=EMAIL, **headers):
        """Ask for a code; return the whole answer."""
        return self.browser.send("POST", SEND, {"email": email}, headers=self._from(headers))

    def asked(self, email=EMAIL, **headers):
        """Ask for a code that is sent; return the challenge."""
        answer = self.send(email, **headers)
        assert answer.status == 200, answer.body
        assert list(answer.json) == ["challenge_id"]
        return answer.json["challenge_id"]

    def confirm(self, challenge, code, key=None, **more):
        """Confirm a code; return the whole answer."""
        return self.browser.send("POST", CONFIRM, self.body(challenge, code, key, **more), headers=self._from({}))

    def body(self, challenge, code, key=None, **more):
        """What a confirm says."""
        return {"challenge_id": challenge, "code": code, "client_public_key": key or self.key, **more}

    def together(self, *bodies):
        """Confirm all of these at once; return the answers."""
        return self.home.race(*((self.browser, "POST", CONFIRM, body, self._from({})) for body in bodies))

    def signed_in(self, email=EMAIL):
        """Ask, read, confirm; return the session's id."""
        challenge = self.asked(email)
        answer = self.confirm(challenge, self.home.code(challenge))
        assert answer.status == 200, answer.body
        return answer.json["device_session_id"]

    def _from(self, headers):
        return {"x-forwarded-for": self.place, **{name.replace("_", "-"): value for name, value in headers.items()}}


class Tower:
    """What a home's operator and its services see and do; mixed into a home by `tower`."""

    def __init__(self, home):
        self.home, self.visitor, self.race, self.clock = home, home.visitor, home.race, home.clock

    def letters(self):
        """Every login code's letter that waits, newest last."""
        with_keys = self.home.house.keyring
        rows = self.home.rows("SELECT id FROM mail_outbox WHERE purpose = 'login_code' ORDER BY created_at, id")
        opened = [self.home.read(lambda tx, row=row: mail.unpack(tx, with_keys, row[0])) for row in rows]
        return [one.letter for one in opened if not isinstance(one, str)]

    def code(self, challenge):
        """The code that was sent for a challenge."""
        (letter,) = [one for one in self.letters() if one.key == challenge]
        assert letter.code in letter.text
        assert re.fullmatch(r"[0-9]{6}", letter.code)
        return letter.code

    def wrong(self, challenge):
        """A code that is not the one that was sent."""
        return f"{(int(self.code(challenge)) + 1) % 1_000_000:06d}"

    def get(self, path):
        """Read something internally."""
        return self.visitor().send("GET", INTERNAL + path, internal=True)

    def post(self, path, body=None):
        """Do something internally."""
        return self.visitor().send("POST", INTERNAL + path, SYSTEM if body is None else body, internal=True)

    def session(self, session):
        """A session as services read it."""
        return self.get(f"/sessions/{session}").json["session"]

    def user(self, session):
        """Whose a session is."""
        return self.session(session)["user_id"]

    def state(self, challenge):
        """Where a challenge stands, and how many wrong codes it has seen."""
        return self.home.rows(f"SELECT state, failures FROM code_challenges WHERE id = '{challenge}'")[0]

    def count(self, table, where="1 = 1"):
        """How many rows there are."""
        assert table in METADATA.tables
        return self.home.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]

    def act(self, use_case):
        """Run a use case in a transaction of its own."""
        return self.home.act(use_case)

    def limit(self, most):
        """Set how many sessions one person may have."""
        assert self.act(lambda tx: device_sessions.set_limit(tx, OPERATOR, most)) is None
