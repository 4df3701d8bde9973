"""Under which conditions a table was made: machine, versions, file system, and how busy everything was."""

import os
import platform
import sqlite3
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

__all__ = ["conditions", "pinned"]

_PACKAGES = ("granian", "uvloop", "cryptography", "msgspec", "starlette")
_BLOCK = bytes(8192)
_CORES = os.sched_getaffinity(0)
"""Those of the whole run; a measure may leave this process fewer for a while."""


def conditions() -> dict[str, str]:
    """Return what a reader needs to judge the numbers."""
    return {
        "cpu": f"{_cpu()}, {os.cpu_count()} cores",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES) + f", SQLite {sqlite3.sqlite_version}",
        "disk": f"8 KiB written and synced {_syncs():,.0f} times a second",
        "load": f"{os.getloadavg()[0]:.1f} processes wanted a core in the minute before",
        "pinned": "server on core 0, client on core 1" if pinned() else "not pinned: one core only",
        "method": "candidates take turns within each round; ratios are per round, of CPU where not said otherwise; "
        "median [bootstrap 95 %]; client: raw sockets in Python, 32 keep-alive connections, no pipelining",
    }


def pinned() -> bool:
    """Tell whether server and client can have a core each."""
    return {0, 1} <= _CORES


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _syncs() -> float:
    with tempfile.TemporaryFile() as file:
        began = time.perf_counter()
        for _ in range(200):
            os.pwrite(file.fileno(), _BLOCK, 0)
            os.fdatasync(file.fileno())
        return 200 / (time.perf_counter() - began)
