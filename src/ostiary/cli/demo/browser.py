"""A browser without a window: keeps cookies, sends what our pages would send, holds a passkey in software.

It plays the outside, so it is the one place of the server that uses the client's authenticator (pyproject.toml:
contract server-apart).
"""

import json
from http.client import HTTPConnection
from typing import Any

import msgspec

from ostiary.kernel.clock import Clock
from ostiary.web.cookies import CSRF, SESSION
from ostiary_client.authenticator import Behaviour, SoftPasskey

__all__ = ["Answer", "Browser", "new_passkey", "phished"]

_PATIENCE_S = 10
_OK = 200


class Answer(msgspec.Struct, frozen=True):
    """One answer: its status and its body."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        """Return the body, decoded."""
        return json.loads(self.body or b"{}")

    @property
    def brief(self) -> str:
        """Return status and refusal code, as in `401 session_ended`."""
        said = self.json if self.body[:1] == b"{" else {}
        cause = self.headers.get("www-authenticate", "").partition('error_description="')[2].rstrip('"')
        code = said.get("code", "")
        return " ".join(str(part) for part in (self.status, code or cause) if part)


class Browser:
    """One browser in front of one server. `ports` are those of the public and of the internal listener."""

    def __init__(self, ports: tuple[int, int], agent: str, passkey: SoftPasskey) -> None:
        self._public, self._internal = ports
        self._origin = f"http://localhost:{self._public}"
        self._agent = agent
        self.passkey = passkey
        self.cookies: dict[str, str] = {}

    def twin(self) -> "Browser":
        """Return a copy that a thief might have made: the same cookies, the same everything."""
        made = Browser((self._public, self._internal), self._agent, self.passkey)
        made.cookies = dict(self.cookies)
        return made

    @property
    def session(self) -> str:
        """The id of the session whose cookie this browser holds."""
        return self.cookies[SESSION].split(".")[1]

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send one request to the public listener. A header that is "" is left out; `_` in a name stands for `-`."""
        own = {"origin": self._origin, "x-csrf-token": self.cookies.get(CSRF, "")} if method != "GET" else {}
        own |= {"content-type": "application/json"} if body is not None else {}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else json.dumps(body).encode()
        return self._request(self._public, method, path, raw, own)

    def check(self, **cookies: str) -> Answer:
        """Ask, as a service would, whether this browser's session is alive; `session` overrides the cookie."""
        given = cookies.get("session") or self.cookies.get(SESSION, "")
        return self._request(self._internal, "GET", "/check", None, {"cookie": f"{SESSION}={given}" if given else ""})

    def checks(self, count: int, clock: Clock) -> list[int]:
        """Check many times over one connection, as a proxy does; return what each took that was admitted, in µs."""
        connection = HTTPConnection("127.0.0.1", self._internal, timeout=_PATIENCE_S)
        took = []
        for _ in range(count):
            began = clock()
            connection.request("GET", "/check", headers={"cookie": f"{SESSION}={self.cookies[SESSION]}"})
            response = connection.getresponse()
            response.read()
            took += [clock() - began] if response.status == _OK else []
        connection.close()
        return took

    def enrol(self, token: str) -> Answer:
        """Accept a one-time link with a new passkey."""
        begun = self.send("POST", "/enrolment/begin", {"token": token})
        if begun.status != _OK:
            return begun
        made = self.passkey.create(begun.json["options"])
        given = {"token": token, "attempt": begun.json["attempt"], "credential": made, "label": "In software"}
        return self.send("POST", "/enrolment/finish", given)

    def begin(self) -> Any:  # noqa: ANN401 - what the server asked
        """Begin to sign in; return what was asked."""
        return self.send("POST", "/login/passkey/begin", {}).json

    def finish(self, begun: Any, credential: Any = None) -> Answer:  # noqa: ANN401 - as above
        """Answer what was asked."""
        signed = credential or self.passkey.get(begun["options"])
        return self.send("POST", "/login/passkey/finish", {"attempt": begun["attempt"], "credential": signed})

    def sign_in(self) -> Answer:
        """Sign in by passkey."""
        return self.finish(self.begin())

    def presence(self, purpose: str, subject: str = "") -> str:
        """Prove presence for one purpose; return the receipt's id."""
        path = "/api/v1/auth/presence/passkey"
        begun = self.send("POST", f"{path}/begin", {"purpose": purpose, "subject": subject}).json
        given = {"attempt": begun["attempt"], "credential": self.passkey.get(begun["options"])}
        proved: str = self.send("POST", f"{path}/finish", given).json["presence"]
        return proved

    def add_passkey(self, passkey: SoftPasskey, presence: str) -> Answer:
        """Add a passkey to the account."""
        begun = self.send("POST", "/api/v1/auth/passkeys/begin", {}).json
        given = {"attempt": begun["attempt"], "credential": passkey.create(begun["options"]), "label": "Second"}
        return self.send("POST", "/api/v1/auth/passkeys/finish", given | {"presence": presence})

    def _request(self, port: int, method: str, path: str, raw: bytes | None, headers: dict[str, str]) -> Answer:
        held = "; ".join(f"{name}={value}" for name, value in self.cookies.items()) if port == self._public else ""
        sent = {"host": f"localhost:{port}", "user-agent": self._agent, "cookie": held} | headers
        connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, raw, {name: value for name, value in sent.items() if value})
            response = connection.getresponse()
            for line in response.headers.get_all("set-cookie") or []:
                self._keep(line)
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        pair, _, attributes = line.partition(";")
        name, _, value = pair.partition("=")
        if "max-age=0" in attributes.lower():
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def new_passkey(port: int) -> SoftPasskey:
    """Make a passkey in software that lives at this server's origin."""
    return SoftPasskey(f"http://localhost:{port}")


def phished(passkey: SoftPasskey, options: Any, origin: str) -> Any:  # noqa: ANN401 - as above
    """Return the answer that this passkey gives on a page of another origin."""
    honest, passkey.behaviour = passkey.behaviour, Behaviour(origin=origin)
    answer = passkey.get(options)
    passkey.behaviour = honest
    return answer
