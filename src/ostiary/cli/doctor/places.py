"""Examinations of what lies on this machine: settings, key-encryption key, data folder, disk."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ostiary.cli.doctor.finding import Finding, ok, problem, warning
from ostiary.house import database_path, own_kek
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import BootRefused
from ostiary.settings import Settings

__all__ = ["data_folder", "disk", "key_file", "lifetimes", "setup"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_KEY_SIZE = 1024
_HOUR = 3600 * SECOND
_MEBIBYTE = 1 << 20
_TIGHT, _FULL = 1024 * _MEBIBYTE, 100 * _MEBIBYTE


def setup(settings: Settings) -> Iterator[Finding]:
    """Say which settings are in force, as far as the rest depends on them."""
    yield ok("settings", f"readable; people sign in at {settings.origin}")
    if settings.origin.startswith("https:") and not settings.trusted_proxies:
        yield warning(
            "settings",
            "no proxy is trusted, so behind one everybody has the proxy's address",
            "Name it in OSTIARY_TRUSTED_PROXIES.",
        )


def lifetimes(settings: Settings) -> Iterator[Finding]:
    """Compare how long retired signing keys are kept with how long a session may live."""
    kept, longest = settings.signing_key_retention / _HOUR, settings.sessions.absolute / _HOUR
    yield ok("lifetimes", f"sessions live at most {longest:g} h, retired signing keys are kept {kept:g} h")


def key_file(settings: Settings) -> Iterator[Finding]:
    """Look at the key-encryption key: there, private, and no backup of the data holds it too (ruling 2)."""
    kek, folder = settings.kek.resolve(), settings.data_dir.resolve()
    try:
        own_kek(settings)
    except BootRefused as fault:
        says, _, advice = str(fault).partition(": ")
        yield problem("key", says, f"{advice[:1].upper()}{advice[1:]}.")
        return
    yield ok("key", f"{kek}, private to this user")
    if database_path(settings) is not None and kek.parent in folder.parents:
        yield warning(
            "key",
            f"it lies in {kek.parent}, which holds the data too: a backup of that folder opens everything",
            "Put it elsewhere (OSTIARY_KEK_FILE), or leave it out of that backup.",
        )
    for copy in _copies(kek, folder):
        yield problem("key", f"a copy of it lies among the data: {copy}", "Remove it, and think of old backups.")


def _copies(kek: Path, folder: Path) -> Iterator[Path]:
    wanted = kek.read_bytes().strip()
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file() and path.stat().st_size <= _KEY_SIZE and wanted in path.read_bytes():
            yield path


def data_folder(settings: Settings) -> Iterator[Finding]:
    """Look at the data folder: there, ours, and closed to others."""
    folder = settings.data_dir.resolve()
    if not folder.is_dir():
        yield problem("data folder", f"there is none at {folder}", "Run `ostiary init`, or set OSTIARY_DATA_DIR.")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem("data folder", f"{folder} cannot be written by this user", "Run as its owner.")
        return
    open_ones = [path for path in (folder, *sorted(folder.iterdir())) if path.stat().st_mode & _OTHERS]
    if folder in open_ones:
        yield problem("data folder", f"others may enter {folder}", f"Run `chmod 700 {folder}`.")
    elif open_ones:
        names = ", ".join(path.name for path in open_ones)
        yield warning("data folder", f"others could read {names}, were the folder open", f"Run `chmod 600 {folder}/*`.")
    else:
        yield ok("data folder", f"{folder}, private to this user")


def disk(settings: Settings) -> Iterator[Finding]:
    """Look for room: a full disk answers 503, and cannot even leave a receipt of it."""
    folder = next(path for path in (settings.data_dir.resolve(), *settings.data_dir.resolve().parents) if path.exists())
    yield _room(shutil.disk_usage(folder).free, folder)


def _room(free: int, folder: Path) -> Finding:
    room = f"{free / _MEBIBYTE:,.0f} MiB free for {folder}"
    if free < _FULL:
        return problem("disk", f"only {room}", "Make room: a full disk stops every change.")
    if free < _TIGHT:
        return warning("disk", f"only {room}", "Make room soon: a full disk stops every change.")
    return ok("disk", room)
