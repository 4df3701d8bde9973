"""The same houses that the tests of sessions use."""

from tests.sessions.conftest import anywhere, home, homes

__all__ = ["anywhere", "home", "homes"]
