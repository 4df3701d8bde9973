"""A full disk: 503 with Retry-After, nothing half-written, what was acknowledged stays, and it goes on by itself."""

import os
import subprocess
from contextlib import contextmanager

from tests.flows.browser import Browser
from tests.flows.server import serving

_SMALL = 3 * 1024 * 1024


@contextmanager
def small_disk(folder):
    """A file system of 3 MiB at `folder` where we may mount one; else the folder as it is."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", f"size={_SMALL}", "tmpfs", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.check_call(["umount", "-l", str(folder)])


def fill(folder, mounted):
    """Leave no room: a file over the rest of the small disk, or a limit on the size of files."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while mounted:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    return ballast


def limited(served, mounted):
    """Where nothing could be mounted, no file of the server may grow beyond what it has now."""
    if not mounted:
        largest = max(file.stat().st_size for file in served.folder.rglob("*.sqlite*"))
        subprocess.check_call(["prlimit", f"--fsize={largest}:unlimited", "--pid", str(served.process.pid)])


def freed(served, ballast, mounted):
    """Make room again."""
    ballast.unlink()
    if not mounted:
        subprocess.check_call(["prlimit", "--fsize=unlimited:unlimited", "--pid", str(served.process.pid)])


def until_refused(person):
    """Sign in until the disk is full; return (acknowledged sessions' cookies, the refusal)."""
    opened = []
    for _ in range(3000):
        person.cookies.clear()
        answer = person.sign_in()
        if answer.status != 200:
            return opened, answer
        opened.append(dict(person.cookies))
    raise AssertionError("the disk never filled up")


def test_a_full_disk_is_a_503_that_loses_nothing_and_heals(tmp_path):
    with small_disk(tmp_path / "disk") as (folder, mounted), serving(folder) as served:
        person = Browser(served)
        person.enrol(served.token)
        kept = dict(person.cookies)
        ballast = fill(folder, mounted)
        limited(served, mounted)
        opened, refused = until_refused(person)
        assert (refused.status, refused.code) == (503, "store_unavailable")
        assert refused.header("retry-after") == "1"
        person.cookies = dict(kept)
        assert person.check().status == 200, "what needs no write goes on"
        freed(served, ballast, mounted)
        person.cookies.clear()
        assert person.sign_in().status == 200, "it heals without a restart"
        for cookies in [kept, *opened]:
            person.cookies = cookies
            assert person.check().status == 200
        signed = {row["subject"] for row in served.json("receipts", "list", "--most", "100000")}
        assert {cookies["__Host-ostiary_session"].split(".")[1] for cookies in [kept, *opened]} <= signed
