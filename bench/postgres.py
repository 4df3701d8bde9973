"""Durable sign-in on PostgreSQL: 32 callers, beside pgbench with 32 clients that sends the same statements and no more.

A temporary server of our own, with its durable defaults (fsync and synchronous_commit on). What one issue sends is
recorded from one issue; what must be unique from issue to issue is made so, everything else is sent again as it was.
"""

import itertools
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.method import Row, compared, interleaved
from bench.server import new_house, temporary
from bench.signins import CALLERS, issues_a_second
from ostiary.house import House, migrate, open_house
from ostiary.kernel.values import ANONYMOUS, Factor, Proof
from ostiary.sessions.service import Rules, open_session
from ostiary.storage.tx import Tx
from tests.rigs.counterparts import cluster, database, programs

__all__ = ["postgres"]

_Sent = list[tuple[str, list[Any]]]

_SECONDS = 2
_RATE = re.compile(r"tps = ([\d.]+)")
_PLACE = re.compile(r"\$(\d+)(?:::\w+)?")
_DIGITS = 18
_VARYING = 20
"""Texts of this length or more that differ between two issues are ids: their end is replaced by a random number."""


class _Recorder:
    """Stands between a transaction and its connection, and notes what is sent."""

    def __init__(self, line: Any) -> None:  # noqa: ANN401 - storage.lines.Line, or whatever the vault uses
        self._line, self.sent = line, _Sent()

    def put(self, sql: str, values: Any = ()) -> Any:  # noqa: ANN401 - as above
        """Send without waiting."""
        self.sent.append((sql, list(values)))
        return self._line.put(sql, values)

    def execute(self, sql: str, values: Any = ()) -> Any:  # noqa: ANN401 - as above
        """Send and wait."""
        self.sent.append((sql, list(values)))
        return self._line.execute(sql, values)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        return getattr(self._line, name)


def postgres(rounds: int, count: int) -> list[Row]:
    """Rate of durable session issues, each with its signed receipt."""
    folder = programs()
    if folder is None:
        raise RuntimeError("there is no PostgreSQL here: apt-get install postgresql")
    with temporary() as here, cluster(folder, "on") as server, database(server) as url, _house(here, url) as house:
        script = here / "issue.sql"
        script.write_text(_script(_recorded(house, 1), _recorded(house, 2)), "utf-8")
        rates = interleaved(
            "postgres",
            {
                "issue": partial(issues_a_second, house, house.vault, count, itertools.count(10)),
                "pgbench": partial(_pgbench, folder, url, script),
            },
            max(5, rounds // 2),
        )
    return [
        compared(
            "durable sign-in, PostgreSQL",
            f"{CALLERS} callers, session and signed receipt",
            (rates["issue"], rates["pgbench"]),
            unit="a second",
            base=f"pgbench, {CALLERS} clients, the same statements",
            better="higher",
        )
    ]


@contextmanager
def _house(folder: Path, url: str) -> Iterator[House]:
    made = new_house(folder)
    made.close()
    settings = replace(made.settings, database_url=url)
    migrate(settings)
    house = open_house(settings)
    try:
        yield house
    finally:
        house.close()


def _recorded(house: House, number: int) -> _Sent:
    """Issue one session and return what was sent for it."""
    rules, told = Rules(house.keyring, house.settings.sessions), _Sent()

    def use_case(tx: Tx) -> None:
        recorder = _Recorder(tx._connection)  # noqa: SLF001 - nobody else needs to see this
        tx._connection = recorder  # type: ignore[assignment]  # noqa: SLF001 - it stands in for the driver's
        proof = Proof(f"user-{number}", Factor.PASSKEY, tx.now, f"la-{secrets.token_urlsafe(16)}")
        open_session(tx, rules, ANONYMOUS, proof, "Bench on Linux")
        told.extend(recorder.sent)

    house.vault.transact_now(house.scope, use_case)
    return told


def _script(one: _Sent, other: _Sent) -> str:
    """Return what pgbench runs again and again: one transaction of these statements."""
    lines = [rf"\set n random({10 ** (_DIGITS - 1)}, {10**_DIGITS - 1})", "BEGIN;"]
    for (sql, values), (_, others) in zip(one, other, strict=True):
        spelt = [_literal(value, again) for value, again in zip(values, others, strict=True)]
        lines.append(_PLACE.sub(lambda found, spelt=spelt: spelt[int(found[1]) - 1], sql).replace("\n", " ") + ";")
    return "\n".join([*lines, "COMMIT;"]) + "\n"


def _literal(value: Any, again: Any) -> str:  # noqa: ANN401 - whatever a statement takes
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("'", "''").replace(":", "|")  # a colon would name a variable
    if value != again and len(text) >= _VARYING:
        return f"('{text[:-_DIGITS]}' || :n)"
    return f"'{text}'"


def _pgbench(folder: Path, url: str, script: Path) -> float:
    """Return transactions a second."""
    words = ["-n", "-c", str(CALLERS), "-j", "2", "-T", str(_SECONDS), "-M", "prepared", "-f", str(script), url]
    done = subprocess.run([folder / "pgbench", *words], capture_output=True, text=True, check=False)
    found = _RATE.search(done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]}")
    return float(found[1])
