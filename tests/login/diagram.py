"""Draw the table of moves into docs/login-methods.md: `python -m tests.login.diagram`."""

import re
from pathlib import Path

from ostiary.login.flow import MOVES
from ostiary.presence.model import State

PAGE = Path(__file__).parents[2] / "docs" / "login-methods.md"
_DRAWN = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def diagram(moves=MOVES):
    """The moves as a Mermaid state diagram; a state without a move is an end."""
    start, ends = next(iter(State)), sorted(set(moves.values()) - {state for state, _ in moves})
    lines = ["stateDiagram-v2", f"    [*] --> {start}: first answer"]
    lines += [f"    {state} --> {becomes}: {happening}" for (state, happening), becomes in moves.items()]
    lines += [f"    {state} --> [*]" for state in ends]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def drawn(page):
    """The page with the diagram in its place."""
    return _DRAWN.sub(lambda _: diagram(), page, count=1)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
