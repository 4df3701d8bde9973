"""The walk of `examples/membrane_walk.py` against any server: run as a program, as its readers would run it."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "membrane_walk.py"
STEPS = (
    "start",
    "never left the device",
    "humanAuth.verifyPasskey",
    "auth.loginFinish admitted",
    "did not change the person's role",
    "auth.sessionInspect admitted",
    "auth.sessionIssue admitted",
    "auth.sessionRefresh admitted",
    "auth.recoveryPolicy admitted",
    "authority.sessionRevoke admitted",
    "authority.sessionRevoke verified",
    "auth_session_already_revoked",
    "opens nothing any more (401",
    "auth.rateLimitEvaluate admitted",
    "recover",
    "Done.",
)
"""What a whole walk says, in this order."""

_TOKEN = re.compile(r"v1\.tok-|\bo[co]k-")


@dataclass(frozen=True)
class Walked:
    """What came of it."""

    status: int
    said: str
    complained: str

    def whole(self):
        """Assert that every step was taken in its order, and that no credential was shown."""
        assert (self.status, self.complained) == (0, ""), self
        at = 0
        for step in STEPS:
            at = self.said.lower().find(step.lower(), at)
            assert at >= 0, f"{step!r} is missing or out of order in\n{self.said}"
        self.secret()
        return self

    def secret(self, *more):
        """Assert that no token and no key was shown, nor any of `more`."""
        everything = self.said + self.complained
        assert not _TOKEN.search(everything), everything
        assert not [one for one in more if one in everything]


def walk(url, folder, *, client_key, operator_key="", tenant="tenant_node:default", sync=False, more=()):
    """Walk at `url`; keys go through a file in `folder`. `more` are further arguments of the program."""
    given = ["--url", url, "--tenant", tenant, "--client-key", client_key, "--operator-key", operator_key, *more]
    keys = Path(folder) / "arguments"
    keys.write_text("".join(f"{one}\n" for one in given))
    keys.chmod(0o600)
    command = [sys.executable, PROGRAM, f"@{keys}", *(["--sync"] if sync else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return Walked(done.returncode, done.stdout, done.stderr)
