"""Draw how a session ends into docs/sessions.md: `python -m tests.sessions.diagram`."""

import re
from pathlib import Path

from ostiary.sessions.model import ENDINGS, EndReason

PAGE = Path(__file__).parents[2] / "docs" / "sessions.md"
_DRAWN = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
_TABLE = re.compile(r"\| word \|.*?\n\n", re.DOTALL)


def diagram(endings=ENDINGS):
    """The life of a session as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> alive: a proof", "    alive --> alive: a successful use"]
    lines += [f"    alive --> {'ended' if word in set(EndReason) else 'expired'}: {word}" for word in endings]
    return "```mermaid\n" + "\n".join([*lines, "    ended --> [*]", "    expired --> [*]"]) + "\n```\n"


def table(endings=ENDINGS):
    """The words with their meaning."""
    rows = [f"| `{word}` | {'an act' if word in set(EndReason) else 'time'} | {why} |" for word, why in endings.items()]
    return "\n".join(["| word | by | when |", "| --- | --- | --- |", *rows]) + "\n\n"


def drawn(page):
    """The page with diagram and table in their places."""
    return _TABLE.sub(lambda _: table(), _DRAWN.sub(lambda _: diagram(), page, count=1), count=1)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
