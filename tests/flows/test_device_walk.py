"""The walk of docs/device-requests.md, run as it stands there: a code asked for, read by the operator, a signed request."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


def walk(served):
    """The page's own program, with the addresses of this server."""
    page = (ROOT / "docs" / "device-requests.md").read_text(encoding="utf-8")
    text = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    assert "http://localhost:8080" in text
    assert "http://127.0.0.1:8081" in text
    return text.replace("http://localhost:8080", served.public).replace("http://127.0.0.1:8081", served.internal)


def letter(served):
    """The captured letter, as soon as it is there; while it waits it is listed too, and sealed."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := [one for one in served.json("mail", "list") if one["state"] == "captured"]):
        assert time.monotonic() < deadline, "no letter came"
        time.sleep(0.1)
    return served.json("mail", "show", found[0]["id"])[0]


def test_the_walk_of_the_page_ends_with_a_caller(server, tmp_path):
    server.cli("services", "add", "lobby")
    (tmp_path / "walk.py").write_text(walk(server), encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "walk.py"],
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as device:
        code = re.search(r"\n +(\d{6})\n", letter(server)["text"])[1]
        said, _ = device.communicate(f"{code}\n", timeout=PATIENCE_S)
    status, _, told = said.removeprefix("Code: ").partition(" ")
    assert (device.returncode, status) == (0, "200")
    assert set(json.loads(told)) == {"device_session_id", "caller"}
