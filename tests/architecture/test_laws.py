"""Each law holds for this checkout, and finds the fault that is planted for it."""

from pathlib import Path

import pytest

from tests.architecture import code, repository, shape
from tests.architecture.sources import committed, plant

ROOT = Path(__file__).parents[2]
LAWS = [*shape.LAWS, *code.LAWS, *repository.LAWS]
SERVER = "src/ostiary"
SHELVES = '[[tool.importlinter.contracts]]\nlayers = ["(cli)", "(storage) | (web)"]\n'
LONG_FUNCTION = "def work():\n" + "    step = 1\n" * 50
ROUTES = "OPERATIONS = (Operation(name='end', handler=end),)\n"

FAULTS = [
    # package docstrings
    (shape.package_docstrings, {f"{SERVER}/mail/__init__.py": ""}, "does not open with a docstring"),
    (
        shape.package_docstrings,
        {f"{SERVER}/mail/__init__.py": '"""' + "line\n" * 13 + '"""\n'},
        "has 13 lines",
    ),
    (shape.package_docstrings, {f"{SERVER}/mail/outbox.py": ""}, "is no package"),
    # names
    (shape.glossary_names, {f"{SERVER}/mail/utils.py": ""}, "'utils'"),
    (shape.glossary_names, {f"{SERVER}/common/mail.py": ""}, "'common'"),
    (shape.glossary_names, {"tests/sessions/session_helpers.py": ""}, "'helpers'"),
    (shape.glossary_names, {"src/ostiary_client/base.py": ""}, "'base'"),
    (shape.glossary_names, {f"{SERVER}/key_manager.py": ""}, "'manager'"),
    # sizes
    (
        shape.file_sizes,
        {f"{SERVER}/a.py": "x = 1\n" * 401, f"{SERVER}/b.py": "", f"{SERVER}/c.py": ""},
        "401 lines",
    ),
    (shape.file_sizes, {f"{SERVER}/a.py": "x = 1\n" * 121}, "median 121"),
    (shape.function_sizes, {f"{SERVER}/a.py": LONG_FUNCTION}, "work has 51 lines"),
    (shape.function_sizes, {f"{SERVER}/a.py": "def work():\n" + "    step = 1\n" * 8}, "median 9"),
    (
        shape.function_sizes,
        {f"{SERVER}/a.py": "def f(): pass\n" * 8 + "def work():\n" + "    step = 1\n" * 25},
        "p90 26",
    ),
    # shelves
    (
        shape.shelves,
        {f"{SERVER}/billing/__init__.py": "", "pyproject.toml": SHELVES},
        "billing: stands on no shelf",
    ),
    (shape.shelves, {f"{SERVER}/billing.py": "", "pyproject.toml": SHELVES}, "billing: stands on no shelf"),
    # where ours is imported
    (
        code.local_imports,
        {f"{SERVER}/a.py": "def work():\n    from ostiary.kernel import clock\n"},
        "a.py:2: work imports",
    ),
    (
        code.local_imports,
        {f"{SERVER}/a.py": "async def work():\n    import ostiary.kernel\n"},
        "a.py:2: work imports",
    ),
    # environment
    (
        code.environment,
        {f"{SERVER}/app.py": "import os\nX = os.environ['X']\n"},
        "app.py:2: reads the environment",
    ),
    (
        code.environment,
        {f"{SERVER}/app.py": "import os\nX = os.getenv('X')\n"},
        "app.py:2: reads the environment",
    ),
    (code.environment, {f"{SERVER}/app.py": "from os import environ\n"}, "app.py:1: reads the environment"),
    # places of SQL
    (code.sql_places, {f"{SERVER}/sessions/service.py": "import sqlalchemy as sa\n"}, "imports sqlalchemy"),
    (
        code.sql_places,
        {f"{SERVER}/sessions/service.py": "from sqlalchemy import select\n"},
        "imports sqlalchemy",
    ),
    (code.sql_places, {f"{SERVER}/cli/keys.py": 'Q = "SELECT 1"\n'}, "holds SQL"),
    (
        code.sql_places,
        {f"{SERVER}/cli/keys.py": 'def q(t): return f"""\n  DELETE FROM {t}"""\n'},
        "holds SQL",
    ),
    (code.sql_places, {f"{SERVER}/cli/keys.py": 'Q = "PRAGMA data_version"\n'}, "holds SQL"),
    # private stores
    (
        code.private_stores,
        {f"{SERVER}/login/flow.py": "from ostiary.sessions import store\n"},
        "the store of ostiary.sessions",
    ),
    (
        code.private_stores,
        {f"{SERVER}/login/flow.py": "from ostiary.sessions.store import find\n"},
        "the store of ostiary.sessions",
    ),
    (
        code.private_stores,
        {f"{SERVER}/login/flow.py": "import ostiary.sessions.store as s\n"},
        "the store of ostiary.sessions",
    ),
    # exported names
    (code.exported_names, {f"{SERVER}/a.py": '__all__ = ["b", "a"]\na = b = 1\n'}, "not sorted"),
    (
        code.exported_names,
        {f"{SERVER}/a.py": '__all__ = ["a", "gone"]\na = 1\n'},
        "'gone', which does not exist",
    ),
    # suppressions
    (code.suppressions, {f"{SERVER}/a.py": "x = 1  # noqa\n"}, "without a code"),
    (code.suppressions, {f"{SERVER}/a.py": "x = 1  # noqa: S608\n"}, "without a reason"),
    (code.suppressions, {f"{SERVER}/a.py": "x = 1  # type: ignore  # the stub is wrong\n"}, "without a code"),
    (code.suppressions, {f"{SERVER}/a.py": "x = 1  # type: ignore[arg-type]\n"}, "without a reason"),
    (code.suppressions, {f"{SERVER}/a.py": "# ruff: noqa\n"}, "without a code"),
    (code.suppressions, {"tests/test_a.py": "x = 1  # nosec\n"}, "without a code"),
    # handlers
    (
        code.handlers,
        {f"{SERVER}/a/routes.py": ROUTES + "def end(a):\n    if a:\n        return 1\n"},
        "end decides",
    ),
    (
        code.handlers,
        {f"{SERVER}/a/routes.py": ROUTES + "def end(a):\n    return 1 if a else 2\n"},
        "end decides",
    ),
    (
        code.handlers,
        {f"{SERVER}/a/routes.py": ROUTES + "async def end(a):\n" + "    b = a\n" * 15},
        "end has 16 lines",
    ),
    # instances
    (code.instances, {f"{SERVER}/a.py": "service = Service()\n"}, "service is an instance"),
    (code.instances, {f"{SERVER}/a.py": "_cache: dict[str, int] = {}\n"}, "_cache is an instance"),
    (code.instances, {f"{SERVER}/a.py": "SEEN = set()\n"}, "SEEN is an instance"),
    (code.instances, {f"{SERVER}/a.py": "LOCK = threading.Lock()\n"}, "LOCK is an instance"),
    (code.instances, {f"{SERVER}/a.py": "ENGINE = sa.create_engine('sqlite://')\n"}, "ENGINE is an instance"),
    # patching
    (code.patching, {"tests/test_a.py": "from unittest.mock import patch\n"}, "patches"),
    (code.patching, {"tests/test_a.py": "from unittest import mock\n"}, "patches"),
    (
        code.patching,
        {"tests/test_a.py": "def test_a(monkeypatch):\n    monkeypatch.setattr('a.b', 1)\n"},
        "test_a.py:2: patches",
    ),
    # the repository
    (
        repository.machine_paths,
        {"docs/a.md": "see /" + "home/somebody/ostiary\n"},
        "docs/a.md:1: an absolute path",
    ),
    (repository.machine_paths, {"Makefile": "X = /" + "work/ostiary\n"}, "Makefile:1: an absolute path"),
    (
        repository.registry_hosts,
        {"docs/a.md": "from https:" + "//pypi.org/simple\n"},
        "docs/a.md:1: the address",
    ),
    (repository.registry_hosts, {"a.json": "\nhttps:" + "//registry.npmjs.org/x\n"}, "a.json:2: the address"),
    (
        repository.registry_hosts,
        {"a.list": "deb http:" + "//deb.debian.org/debian\n"},
        "a.list:1: the address",
    ),
    (
        repository.lock_addresses,
        {"requirements.lock": "--index-url https:" + "//example.test\n"},
        "requirements.lock:1",
    ),
]

# What must pass: each of these was, or could be, a false alarm.
FINE = [
    (shape.package_docstrings, {f"{SERVER}/storage/migrations/0001.py": ""}),
    (code.private_stores, {f"{SERVER}/sessions/service.py": "from ostiary.sessions import store\n"}),
    (code.private_stores, {f"{SERVER}/app.py": "import ostiary.sessions.store\n"}),
    (shape.package_docstrings, {f"{SERVER}/mail/__init__.py": '"""Mail leaves here."""\n'}),
    (shape.glossary_names, {f"{SERVER}/kernel/base64url.py": ""}),
    (
        shape.function_sizes,
        {f"{SERVER}/a.py": 'def work():\n    """Promise.\n' + "    more\n" * 60 + '    """\n'},
    ),
    (
        shape.shelves,
        {f"{SERVER}/web/__init__.py": "", f"{SERVER}/__main__.py": "", "pyproject.toml": SHELVES},
    ),
    (code.local_imports, {f"{SERVER}/a.py": "def work():\n    import json\n"}),
    (code.environment, {f"{SERVER}/settings.py": "import os\nX = os.environ\n"}),
    (code.sql_places, {f"{SERVER}/sessions/store.py": "import sqlalchemy as sa\n"}),
    (code.sql_places, {f"{SERVER}/storage/migrations/0001.py": 'X = "PRAGMA foreign_keys = ON"\n'}),
    (
        code.sql_places,
        {f"{SERVER}/a/routes.py": '"""SELECT in prose."""\nX = ["DELETE", "DELETE /v1/sessions", "Select one"]\n'},
    ),
    (
        code.exported_names,
        {f"{SERVER}/a.py": '__all__ = ["LIMIT", "Session", "end"]\nLIMIT = 1\nclass Session: ...\ndef end(): ...\n'},
    ),
    (code.exported_names, {f"{SERVER}/a/__init__.py": '__all__ = ["b"]\n', f"{SERVER}/a/b.py": ""}),
    (code.suppressions, {f"{SERVER}/a.py": "x = 1  # noqa: S608, E501 - the table name is ours\n"}),
    (
        code.suppressions,
        {f"{SERVER}/a.py": "x = 1  # type: ignore[arg-type]  # noqa: S608  # the stub is wrong\n"},
    ),
    (code.suppressions, {f"{SERVER}/a.py": 'x = "# noqa"\n'}),
    (
        code.handlers,
        {f"{SERVER}/a/routes.py": ROUTES + "def end(a):\n    return 1\n\ndef other(a):\n    if a: ...\n"},
    ),
    (
        code.instances,
        {f"{SERVER}/a.py": "LIMITS = Limits(3)\nT = TypeVar('T')\nsessions = Table('s')\nNAMES = {'a': 1}\n"},
    ),
    (code.patching, {"tests/test_a.py": "def test_a(monkeypatch):\n    monkeypatch.setenv('A', 'b')\n"}),
    (repository.machine_paths, {"docs/a.md": "GET /v1/home/ and ~/work/ and ./root/\n"}),
    (repository.registry_hosts, {"docs/a.md": "https:" + "//www.apache.org/licenses and apt-get install\n"}),
    (repository.lock_addresses, {"docs/a.md": "https:" + "//example.test\n"}),
]


def name(value):
    return getattr(value, "__name__", "")


@pytest.mark.parametrize("law", LAWS, ids=name)
def test_this_checkout_keeps(law):
    assert "\n".join(law(ROOT)) == ""


@pytest.mark.parametrize(("law", "files", "expected"), FAULTS, ids=name)
def test_a_planted_fault_is_found(law, files, expected, tmp_path):
    found = law(plant(tmp_path, files))
    assert any(expected in finding for finding in found), found


@pytest.mark.parametrize(("law", "files"), FINE, ids=name)
def test_no_false_alarm(law, files, tmp_path):
    assert law(plant(tmp_path, files)) == []


def test_every_law_has_a_planted_fault_and_a_false_alarm():
    assert {law for law, *_ in FAULTS} == set(LAWS)
    assert {law for law, *_ in FINE} | {shape.file_sizes} == set(LAWS)


def test_the_repository_is_seen():
    names = {path.relative_to(ROOT).as_posix() for path in committed(ROOT)}
    assert {"Makefile", "pyproject.toml", "requirements.lock"} <= names
