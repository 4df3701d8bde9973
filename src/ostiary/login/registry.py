"""The login methods that this server offers: one line each. A name that stands twice fails at import of app."""

from collections.abc import Iterable

from ostiary.kernel.errors import ContractBroken
from ostiary.login.method import Method
from ostiary.login.service import Registry

__all__ = ["registry"]


def registry(methods: Iterable[Method]) -> Registry:
    """Return the methods by name. Raises ContractBroken on a duplicate."""
    made: dict[str, Method] = {}
    for method in methods:
        if method.name in made:
            raise ContractBroken(f"two login methods are called {method.name}")
        made[method.name] = method
    return made
