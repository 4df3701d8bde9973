"""`ostiary migrate`: bring the database schema up to this version."""

from ostiary.app import migrate as run
from ostiary.cli.terminal import say
from ostiary.settings import read_settings

__all__ = ["migrate"]


def migrate() -> int:
    """Run the migrations that are missing. On SQLite `serve` does this by itself."""
    applied = run(read_settings())
    for revision in applied:
        say(f"applied {revision}")
    say("the schema is current")
    return 0
