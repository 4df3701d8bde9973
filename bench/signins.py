"""Durable sign-in: a session and its signed receipt, 32 callers at once, `synchronous=FULL` against OFF."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.method import Row, compared, interleaved
from bench.server import file_of, new_house, temporary
from ostiary.house import House
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import ANONYMOUS, Factor, Proof
from ostiary.receipts.ledger import SigningLedger
from ostiary.sessions.service import Rules, open_session
from ostiary.storage.sqlite import SqliteVault
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault

__all__ = ["CALLERS", "issues_a_second", "signin"]

CALLERS = 32
_MESSAGE = bytes(300)


def signin(rounds: int, count: int) -> list[Row]:
    """Rate of durable session issues against the same without fsync; CPU of one against its one signature."""
    os.sync()  # what a measure before has left for the disk would be paid for here
    with temporary() as folder:
        rates: dict[str, Callable[[], float]] = {}
        vaults: list[SqliteVault] = []
        for mode in ("FULL", "OFF"):
            house = new_house(folder / mode)
            vault = SqliteVault(
                file_of(house),
                house.clock,
                system_secrets,
                SigningLedger(house.keyring),
                synchronous=mode,
            )
            vaults.append(vault)
            rates[mode] = partial(issues_a_second, house, vault, count, itertools.count())
        full = interleaved("durable sign-in", rates, rounds)
        cpu = interleaved(
            "one sign-in's CPU", {"issue": partial(_cpu, rates["FULL"], count), "sign": _signature}, rounds
        )
        for vault in vaults:
            vault.close()
    note = f"{CALLERS} callers, session and signed receipt"
    return [
        compared(
            "durable sign-in",
            note,
            (full["FULL"], full["OFF"]),
            unit="a second",
            base="synchronous=OFF",
            target=0.9,
            better="higher",
        ),
        compared(
            "sign-in, CPU",
            "the same",
            (cpu["issue"], cpu["sign"]),
            unit="µs CPU",
            base="one Ed25519 signature",
            target=4,
        ),
    ]


def issues_a_second(house: House, vault: Vault, count: int, numbers: "itertools.count[int]") -> float:
    """Return issues a second."""
    began = time.perf_counter()
    asyncio.run(_issue(house, vault, count, numbers))
    return count / (time.perf_counter() - began)


async def _issue(house: House, vault: Vault, count: int, numbers: "itertools.count[int]") -> None:
    rules = Rules(house.keyring, house.settings.sessions)

    def use_case(tx: Tx, number: int) -> object:
        proof = Proof(f"user-{number}", Factor.PASSKEY, tx.now, f"la-{number}")
        return open_session(tx, rules, ANONYMOUS, proof, "Bench on Linux")

    async def caller() -> None:
        for _ in range(count // CALLERS):
            await vault.transact(house.scope, partial(use_case, number=next(numbers)))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def _cpu(rate: Callable[[], float], count: int) -> float:
    """Return microseconds of this process's CPU for one issue."""
    began = time.process_time()
    rate()
    return (time.process_time() - began) / count * 1e6


def _signature() -> float:
    """Return microseconds of CPU for one Ed25519 signature over a receipt's length."""
    key = Ed25519PrivateKey.generate()
    began = time.process_time()
    for _ in range(500):
        key.sign(_MESSAGE)
    return (time.process_time() - began) / 500 * 1e6
