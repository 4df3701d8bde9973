"""The contracts of import-linter hold for this checkout, and each breaks on the import that is planted for it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import plant

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FEATURES = [feature for one in CONTRACTS for layer in one.get("layers", []) for feature in re.findall(r"\w+", layer)]

FAULTS = {
    "an import upwards": ("shelves", {"kernel/clock.py": "import ostiary.sessions"}),
    "an import sideways": ("shelves", {"console/page.py": "from ostiary.gateway import check"}),
    "an import for types only": (
        "shelves",
        {"keys/model.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ostiary.login"},
    ),
    "a detour through a third feature": (
        "shelves",
        {"storage/a.py": "import ostiary.receipts.a", "receipts/a.py": "import ostiary.keys"},
    ),
    "a folder without a shelf": ("shelves", {"billing/__init__.py": "import ostiary.sessions"}),
    "a circle inside a feature": (
        "acyclic",
        {"sessions/a.py": "import ostiary.sessions.b", "sessions/b.py": "import ostiary.sessions.a"},
    ),
    "the client uses the server": ("client-apart", {"../ostiary_client/a.py": "import ostiary.kernel"}),
    "the server uses the client": ("server-apart", {"kernel/a.py": "import ostiary_client"}),
    "a command uses the client": (
        "server-apart",
        {"cli/sessions.py": "import ostiary_client.authenticator"},
    ),
    "the demo uses more of the client than a passkey": (
        "server-apart",
        {
            "../ostiary_client/middleware.py": "",
            "cli/demo/browser.py": "import ostiary_client.authenticator\nimport ostiary_client.middleware",
        },
    ),
    "a method knows another": (
        "methods-apart",
        {"login/methods/passkey/flow.py": "import ostiary.login.methods.oidc"},
    ),
    "a model opens a database": ("models-pure", {"sessions/model.py": "import sqlite3"}),
    "a model awaits": ("models-pure", {"login/methods/oidc/model.py": "import asyncio"}),
    "a service speaks SQL": ("sql-in-stores", {"sessions/service.py": "from sqlalchemy import select"}),
}


def house(folder):
    """A copy of the house with empty rooms, and the real contracts."""
    rooms = [f"src/ostiary/{feature}" for feature in FEATURES]
    methods = [f"src/ostiary/login/methods{name}" for name in ("", "/passkey", "/oidc")]
    empty = {f"{path}/__init__.py": "" for path in ["src/ostiary", "src/ostiary_client", *rooms, *methods]}
    plain = {
        "src/ostiary/gateway/check.py": "",
        "src/ostiary/sessions/store.py": "from sqlalchemy import select",
    }
    plain |= {"src/ostiary/storage/database.py": "import sqlalchemy.dialects.sqlite\nimport alembic.config"}
    plain |= {
        "src/ostiary/sessions/model.py": "import ostiary.kernel",
        "src/ostiary/login/registry.py": "import ostiary.login.methods.oidc",
    }
    plain |= {
        "src/ostiary_client/authenticator.py": "",
        "src/ostiary/cli/demo/__init__.py": "",
        "src/ostiary/cli/demo/browser.py": "import ostiary_client.authenticator",
    }
    shutil.copy(ROOT / "pyproject.toml", folder)
    return plant(folder, empty | plain)


def lint(folder):
    """Run import-linter in that folder, with its packages first on the path."""
    tool = Path(sys.executable).with_name("lint-imports")
    environ = os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
    command = [tool, "--no-cache", "--no-logo", "--config", folder / "pyproject.toml"]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def broken(outcome):
    """The names of the contracts that the output calls broken."""
    return re.findall(r"^(.+?) BROKEN", outcome.stdout, re.MULTILINE)


def test_this_checkout_keeps_every_contract():
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_an_empty_house_keeps_every_contract(tmp_path):
    outcome = lint(house(tmp_path))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_import_breaks_its_contract(fault, tmp_path):
    contract, files = FAULTS[fault]
    outcome = lint(plant(house(tmp_path), {f"src/ostiary/{path}": text for path, text in files.items()}))
    names = {one["id"]: one["name"] for one in CONTRACTS}
    assert outcome.returncode == 1
    assert names[contract] in broken(outcome), outcome.stdout + outcome.stderr


def test_every_contract_has_a_planted_fault():
    assert {contract for contract, _ in FAULTS.values()} == {one["id"] for one in CONTRACTS}
