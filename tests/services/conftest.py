"""The same houses that the tests of sessions use, and `anywhere` on each database."""

from tests.sessions.conftest import anywhere, home, homes

__all__ = ["anywhere", "home", "homes"]
