"""A finding: what was looked at, how it stands, and what to do."""

from enum import StrEnum

import msgspec

__all__ = ["Finding", "Level", "ok", "problem", "warning"]


class Level(StrEnum):
    """How it stands: fine; works, yet somebody should look; will not work, or must not stay so."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor. `advice` says what to do, "" where there is nothing to do."""

    level: Level
    about: str
    says: str
    advice: str = ""


def ok(about: str, says: str) -> Finding:
    """Say that something is fine."""
    return Finding(Level.OK, about, says)


def warning(about: str, says: str, advice: str) -> Finding:
    """Say that somebody should look."""
    return Finding(Level.WARNING, about, says, advice)


def problem(about: str, says: str, advice: str) -> Finding:
    """Say that something is wrong."""
    return Finding(Level.PROBLEM, about, says, advice)
