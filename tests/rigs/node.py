"""The TypeScript example on Node: its packages, installed once as its lock says, and a copy of it to build in."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "typescript"
PACKAGES = ROOT / ".node-walk"
MANIFEST = (".npmrc", "package.json", "package-lock.json")


def environment(**more):
    """What a program of the example gets to see: no setting of a server, and no chatter of npm's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OSTIARY_", "WALK_"))}
    return kept | {"NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"} | more


def install():
    """Install the packages where the lock has changed since; return "", or why that was not possible."""
    wanted = "".join((EXAMPLE / name).read_text() for name in MANIFEST)
    stamp = PACKAGES / ".stamp"
    with contextlib.suppress(FileNotFoundError):
        if stamp.read_text() == wanted:
            return ""
    shutil.rmtree(PACKAGES, ignore_errors=True)
    PACKAGES.mkdir()
    for name in MANIFEST:
        shutil.copy(EXAMPLE / name, PACKAGES)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(npm, cwd=PACKAGES, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        return f"npm ci ended with {done.returncode}: {done.stderr[-2000:]}"
    stamp.write_text(wanted)
    return ""


def copied(folder, *more):
    """Copy the example's own files, and these, into a fresh folder beside its packages; return the folder."""
    folder.mkdir()
    for path in (*EXAMPLE.glob("*.ts"), EXAMPLE / "tsconfig.json", EXAMPLE / "package.json", *more):
        if path.name != "openapi.d.ts":
            shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    return folder


def run(folder, *command, **environ):
    """Run one of npm's scripts, or `node`, in a copy; return what came of it."""
    words = command if command[0] == "node" else ("npm", "run", "--silent", *command)
    return subprocess.run(
        words, cwd=folder, env=environment(**environ), capture_output=True, text=True, check=False, timeout=120
    )
