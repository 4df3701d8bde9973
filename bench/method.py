"""The method of ruling 41: candidates take turns in rounds; a ratio per round, its median, a bootstrap bound."""

import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

__all__ = ["Row", "compared", "cpu_of", "interleaved", "pick", "tell"]

ROUNDS, QUICK = 31, 5
_RESAMPLED = 4000
_SLACK = 1.10


class Row(msgspec.Struct, frozen=True):
    """One line of the table. `low` and `high` are the bootstrap 95 % interval of the median ratio.

    `better` is `lower` or `higher`; `target` is 0 where a number is only reported.
    """

    measure: str
    name: str
    value: str
    base: str = ""
    ratio: float = 0
    low: float = 0
    high: float = 0
    target: float = 0
    better: str = "lower"
    rounds: int = 0

    @property
    def verdict(self) -> str:
        """Met: the median meets the target, and the bound on its bad side is within a tenth of it."""
        if not self.target:
            return "reported"
        if self.better == "lower":
            met = self.ratio <= self.target and self.high <= self.target * _SLACK
        else:
            met = self.ratio >= self.target and self.low >= self.target / _SLACK
        return "met" if met else "MISSED"


Candidate = Callable[[], float]


def tell(text: str) -> None:
    """Say on standard error what is going on; the table has standard output to itself."""
    print(f"  {text}", file=sys.stderr, flush=True)


def cpu_of(pid: int) -> int:
    """Return the nanoseconds of CPU (user and system, all threads) that a process has used.

    NOTE: clock_getcpuclockid(3) for processes is `~pid << 3 | CPUCLOCK_SCHED`; it has no ticks to round to, unlike
    /proc/PID/stat.
    """
    return time.clock_gettime_ns(~pid << 3 | 2)


def interleaved(what: str, candidates: Mapping[str, Candidate], rounds: int) -> dict[str, list[float]]:
    """Let the candidates take turns, forwards and backwards in turn; return each one's cost per round."""
    costs: dict[str, list[float]] = {name: [] for name in candidates}
    told = time.monotonic()
    for number in range(rounds):
        for name in list(candidates)[:: -1 if number % 2 else 1]:
            costs[name].append(candidates[name]())
        if time.monotonic() - told > 3 or number == rounds - 1:
            told = time.monotonic()
            tell(f"{what}: round {number + 1} of {rounds}")
    return costs


def compared(
    measure: str,
    name: str,
    costs: tuple[Sequence[float], Sequence[float]],
    *,
    unit: str,
    base: str,
    target: float = 0,
    better: str = "lower",
) -> Row:
    """Compare a candidate with its base, round by round."""
    mine, other = costs
    ratios = [a / b for a, b in zip(mine, other, strict=True)]
    low, high = _interval(ratios)
    return Row(
        measure=measure,
        name=name,
        value=_amount(statistics.median(mine), unit),
        base=f"{base}: {_amount(statistics.median(other), unit)}",
        ratio=statistics.median(ratios),
        low=low,
        high=high,
        target=target,
        better=better,
        rounds=len(ratios),
    )


def pick(values: Sequence[float], share: float) -> float:
    """Return a quantile of a sample (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the bootstrap 95 % interval of the median; the seed makes one sample give one answer."""
    source = random.Random(41)
    medians = [statistics.median(source.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLED)]
    return pick(medians, 0.025), pick(medians, 0.975)


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 200 else f"{value:.1f} {unit}"
