"""`ostiary migrate`: bring the database schema up to this version."""

from ostiary.cli.terminal import one, say
from ostiary.house import migrate as run
from ostiary.settings import read_settings

__all__ = ["migrate"]


def migrate(*, json_: bool = False) -> int:
    """Bring the database to this release's schema.

    All missing migrations are one transaction. On SQLite `ostiary serve` does this by itself.

    Parameters
    ----------
    json_
        Print one JSON object.
    """
    applied = run(read_settings())
    if json_:
        one({"applied": applied}, as_json=True)
        return 0
    for revision in applied:
        say(f"applied {revision}")
    say("the schema is current")
    return 0
