"""The proxies of `examples/`, each run for real on free ports, in a folder of its own, ended by its own pid."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from tests.rigs.counterparts import free_port

__all__ = ["PROXIES", "Proxy", "binary", "missing", "running"]

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / ".venv-proxies"
_PORTS = re.compile(r"\b(8000|8001|8080|8081|9000)\b")
_PATIENCE_S = 20


class Proxy(NamedTuple):
    """One proxy: its name, the program, and the words that start it in a folder with its configuration."""

    name: str
    program: str
    words: Callable[[Path], list[str]]


def _nginx(folder):
    user = "user root; " if os.geteuid() == 0 else ""
    return ["-p", str(folder), "-c", "nginx.conf", "-g", f"{user}daemon off;"]


_ENVOY = ["-c", "envoy.yaml", "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
PROXIES = {
    one.name: one
    for one in (
        Proxy("nginx", "nginx", _nginx),
        Proxy("caddy", "caddy", lambda _: ["run", "--config", "Caddyfile"]),
        Proxy("haproxy", "haproxy", lambda _: ["-db", "-f", "haproxy.cfg"]),
        Proxy("envoy", "envoy", lambda _: _ENVOY),
        Proxy("traefik", "traefik", lambda _: ["--configFile=traefik.yaml"]),
    )
}


def binary(program):
    """Where a proxy's program is, or None: what the wheels brought, else what the system has."""
    found = [*WHEELS.glob(f"lib/python3*/site-packages/{program}/_bin/{program}"), WHEELS / "bin" / program]
    there = next((path for path in found if path.exists()), None)
    return there or shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def missing():
    """The names of proxies whose program is not here."""
    return [one.name for one in PROXIES.values() if binary(one.program) is None]


class Running:
    """A proxy that runs; `port` is where it listens."""

    def __init__(self, port):
        self.port = port

    def send(self, method, path, headers=(), body=None, host=None, timeout=10):
        """One request with these (name, value) pairs; returns status, headers and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", host or f"localhost:{self.port}")
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in reversed(answer.getheaders())}, answer.read()
        finally:
            connection.close()


@contextmanager
def running(name, folder, ports, port, own="app.localhost"):
    """The proxy for the block, on `port`; `ports` says which port stands for 8080, 8081, 9000, `own` who is app.localhost."""
    proxy, folder = PROXIES[name], Path(folder)
    given = {"8000": port, "8001": free_port()} | ports
    for file in (ROOT / "examples" / name).iterdir():
        text = _PORTS.sub(lambda found: str(given[found[1]]), file.read_text())
        (folder / file.name).write_text(text.replace("app.localhost", own))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary(proxy.program), *proxy.words(folder)], cwd=folder, stdout=log, stderr=log)
    made = Running(port)
    try:
        _await(made, process, folder / "log")
        yield made
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(made, process, log):
    """Return when the sign-in page comes through; raise with the log when it does not."""
    deadline = time.monotonic() + _PATIENCE_S
    seen = None
    while process.poll() is None and time.monotonic() < deadline:
        try:
            seen = made.send("GET", "/sign-in")[0]
        except OSError as fault:
            seen = fault
        if seen == 200:
            return
        time.sleep(0.05)
    raise RuntimeError(f"the proxy did not start ({seen}):\n{log.read_text(errors='replace')}")
