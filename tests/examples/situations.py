"""Six situations in front of one proxy: what came back, and what the application was told."""

import json
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.examples.proxies import running
from tests.examples.upstream import upstream
from tests.flows.browser import CSRF, PRELOGIN, SESSION
from tests.flows.seed import opened_for
from tests.flows.server import Served
from tests.rigs.counterparts import free_port

__all__ = ["ALIASES", "FORGED", "SITUATIONS", "Scene", "scene"]

FORGED = {
    "Ostiary-Session": "browser",
    "Ostiary-Caller": "f" * 32,
    "Ostiary-Epoch": "1",
    "Ostiary-Expires": "9999999999",
    "Ostiary-Scopes": "admin.all",
    "Ostiary-Disclosed": "e30",
}
ALIASES = {spelt: value for name, value in FORGED.items() for spelt in (name.replace("-", "_"), name.upper())}
SENDS_OWN_HOST = {"envoy"}
"""Who asks the check under the client's own Host, which must be named in the settings."""
TOLD = tuple(name.lower() for name in FORGED)


class Outcome:
    """What a request came to: status, where to, and the headers that reached the application (None: it did not)."""

    def __init__(self, answer, reached):
        self.status, self.headers, self.body = answer
        self.told = [(k.lower(), v) for k, v in json.loads(self.body)["headers"]] if reached else None

    def header(self, name):
        """All values of a header that the application was given, under every spelling that it may take for it."""
        return [value for spelt, value in self.told if spelt.replace("_", "-") == name]

    @property
    def where(self):
        return self.headers.get("location", "")

    def __str__(self):
        return f"{self.status} {self.where.partition('?')[0]}".strip() + ("" if self.told is None else ", passed")


class Scene:
    """An application, an Ostiary with two sessions, and a proxy in front."""

    def __init__(self, served, behind, proxy, living, ended):
        self.served, self.behind, self.proxy, self.living, self.ended = served, behind, proxy, living, ended

    def ask(self, cookie=None, headers=(), method="GET", path="/app/x?q=1", body=None, host=None):
        """Send one request to the application through the proxy."""
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if cookie is not None:
            own = f"mine=1; {SESSION}={cookie}; {CSRF}=c; {PRELOGIN}=p; yours=2"
            pairs.append(("Cookie", own))
        before = self.behind.count
        answer = self.proxy.send(method, path, pairs, body, host=host)
        return Outcome(answer, self.behind.count > before)

    def signed_out(self):
        return self.ask()

    def signed_in(self):
        return self.ask(self.living)

    def session_ended(self):
        return self.ask(self.ended)

    def forged_headers(self):
        return self.ask(None, FORGED | ALIASES)

    def authority_slow(self):
        self.served.signal(signal.SIGSTOP)
        try:
            return self.ask(self.living)
        finally:
            self.served.signal(signal.SIGCONT)

    def authority_gone(self):
        self.served.kill()
        try:
            return self.ask(self.living)
        finally:
            self.served.start()


SITUATIONS = ("signed_out", "signed_in", "session_ended", "forged_headers", "authority_slow", "authority_gone")


@contextmanager
def scene(name, folder):
    """The scene of one proxy for the block."""
    folder, port = Path(folder), free_port()
    for part in ("ostiary", "proxy"):
        (folder / part).mkdir(parents=True)
    with ExitStack() as stack:
        behind = stack.enter_context(upstream())
        environ = {"OSTIARY_ORIGIN": f"http://localhost:{port}"}
        if name in SENDS_OWN_HOST:
            environ["OSTIARY_INTERNAL_HOSTS"] = "app.localhost"
        served = Served(folder / "ostiary", environ)
        served.cli("init")
        served.start()
        stack.callback(served.stop)
        hosts = [word for host in ("localhost", "app.localhost") for word in ("--host", f"{host}:{port}")]
        served.cli("services", "add", "app", *hosts, "--discloses", "factor")
        sessions = opened_for(served, ["user-one", "user-two"])
        (_, living), (other, ended) = sessions.items()
        served.cli("sessions", "revoke", other)
        ports = {"8080": served.public_port, "8081": served.internal_port, "9000": behind.server_port}
        proxy = stack.enter_context(running(name, folder / "proxy", ports, port))
        yield Scene(served, behind, proxy, living, ended)
