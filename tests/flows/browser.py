"""A browser without a window: keeps cookies, sends what a page of ours would send, holds a software passkey."""

import json
import re
from http.client import HTTPConnection

from ostiary_client.authenticator import SoftPasskey

SESSION, CSRF, PRELOGIN = "__Host-ostiary_session", "__Host-ostiary_csrf", "__Host-ostiary_prelogin"
_COOKIE = re.compile(r"([^=]+)=([^;]*)(.*)")


class Answer:
    """One answer: status, headers (lower case, lists), body."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {}
        for name, value in headers:
            self.headers.setdefault(name.lower(), []).append(value)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The stable code of a refusal, in either dialect (ruling 56)."""
        error = self.json["error"]
        return error["code"] if isinstance(error, dict) else self.json["code"]

    def header(self, name):
        return self.headers.get(name, [None])[0]


class Browser:
    """Talks to one served Ostiary as one browser."""

    def __init__(self, served, passkey=None, agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko Firefox/140.0"):
        self.served, self.agent = served, agent
        self.passkey = passkey or SoftPasskey(served.origin)
        self.cookies = {}

    def send(self, method, path, body=None, *, headers=None, raw=None, internal=False, timeout=20):
        """Send one request and keep the cookies that come back."""
        sent, raw = self.dress(method, body, headers=headers, raw=raw, internal=internal)
        return self.keep(self.exchange(method, path, raw, sent, internal=internal, timeout=timeout))

    def dress(self, method, body=None, *, headers=None, raw=None, internal=False):
        """The headers and the body that a page of ours would send; `headers` overrule, None takes one away."""
        port = self.served.internal_port if internal else self.served.public_port
        sent = {"host": f"localhost:{port}", "user-agent": self.agent}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if not internal and method not in {"GET", "HEAD"}:
            sent["origin"] = self.served.origin
            if CSRF in self.cookies:
                sent["x-csrf-token"] = self.cookies[CSRF]
        if body is not None:
            raw = json.dumps(body).encode()
            sent["content-type"] = "application/json"
        return {k: v for k, v in {**sent, **(headers or {})}.items() if v is not None}, raw

    def exchange(self, method, path, raw, sent, *, internal, timeout):
        """Send over the network and return the answer."""
        port = self.served.internal_port if internal else self.served.public_port
        connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request(method, path, raw, sent)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def keep(self, answer):
        """Keep the cookies of an answer."""
        for line in answer.headers.get("set-cookie", []):
            name, value, rest = _COOKIE.match(line).groups()
            if "max-age=0" in rest.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def enrol(self, token, label="My key"):
        """Accept a one-time link with a new passkey."""
        begun = self.send("POST", "/enrolment/begin", {"token": token})
        if begun.status != 200:
            return begun
        made = self.passkey.create(begun.json["options"])
        answer = {"token": token, "attempt": begun.json["attempt"], "credential": made, "label": label}
        return self.send("POST", "/enrolment/finish", answer)

    def begin(self):
        """Begin to sign in by passkey; return what was asked."""
        return self.send("POST", "/login/passkey/begin", {}).json

    def finish(self, begun, credential=None):
        """Finish to sign in with the answer to `begun`."""
        signed = credential or self.passkey.get(begun["options"])
        return self.send("POST", "/login/passkey/finish", {"attempt": begun["attempt"], "credential": signed})

    def sign_in(self):
        """Sign in by passkey."""
        return self.finish(self.begin())

    def presence(self, purpose, subject=""):
        """Prove presence for a purpose; return the receipt's id."""
        wanted = {"purpose": purpose, "subject": subject}
        begun = self.send("POST", "/api/v1/auth/presence/passkey/begin", wanted).json
        signed = self.passkey.get(begun["options"])
        answer = {"attempt": begun["attempt"], "credential": signed}
        return self.send("POST", "/api/v1/auth/presence/passkey/finish", answer).json["presence"]

    def check(self, service="", **kept):
        """Ask the internal listener whether this browser's session is alive."""
        return self.send("GET", f"/check{service}", internal=True, **kept)

    @property
    def session(self):
        """The current session's id."""
        return self.cookies[SESSION].split(".")[1]
