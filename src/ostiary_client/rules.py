"""What a request must have, and how a handler of Starlette, FastAPI or Litestar says so."""

import functools
import importlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ostiary_client.caller import Caller, Refused

__all__ = ["REALM", "WORDS", "PathRules", "Rule", "headers_of", "requires"]

_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[Any]])

WORDS = {401: "Nobody is signed in.", 403: "This is not allowed.", 503: "The session authority cannot be asked now."}
"""What a person is told, by status."""

_SLASHES = re.compile("/{2,}")
REALM = 'Bearer realm="ostiary"'


@dataclass(frozen=True, slots=True)
class Rule:
    """What a request must have: a living session with all of these scopes."""

    scopes: frozenset[str] = frozenset()

    def broken_by(self, found: Caller | Refused) -> Refused | None:
        """Return why not: 401 or 503 as it was found, 403 for scopes that are missing (RFC 6750 section 3.1)."""
        if isinstance(found, Refused):
            return found
        if self.scopes <= found.scopes:
            return None
        wanted = " ".join(sorted(self.scopes))
        return Refused(403, f'{REALM}, error="insufficient_scope", scope="{wanted}"')


class PathRules:
    """Rules by path prefix; the longest that fits counts. They hold whichever way a router reads the path."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = sorted(rules.items(), key=lambda one: len(one[0]), reverse=True)

    def broken_by(self, scope: Mapping[str, Any], found: Caller | Refused) -> Refused | None:
        """Return what a rule says no to."""
        fitting = (self._of(path) for path in _readings(scope))
        return next((broken for rule in fitting if rule and (broken := rule.broken_by(found))), None)

    def _of(self, path: str) -> Rule | None:
        for prefix, rule in self._rules:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return rule
        return None


def _readings(scope: Mapping[str, Any]) -> list[str]:
    """Return the paths that a router may take a request's for: some collapse slashes, some begin after `root_path`."""
    paths = {scope["path"], _SLASHES.sub("/", "/" + scope["path"])}
    root = _SLASHES.sub("/", "/" + scope.get("root_path", "")).rstrip("/")
    paths |= {path[len(root) :] or "/" for path in paths if root and (path + "/").startswith(root + "/")}
    return sorted(paths)


def headers_of(refused: Refused) -> dict[str, str]:
    """Return the headers that a refusal's status demands."""
    if refused.status == 503:  # noqa: PLR2004 - the status Service Unavailable
        return {"retry-after": "1"}
    return {"www-authenticate": refused.challenge or REALM}


def requires(*scopes: str) -> Callable[[_Handler], _Handler]:
    """Let a handler run only for a living session with these scopes; else answer 401, 403 or 503.

    The handler takes the request as an argument, by whatever name. Works where a request has a `scope`: Starlette,
    FastAPI, Litestar. Raises RuntimeError where the middleware is missing: that must not pass for "nobody".
    """
    rule = Rule(frozenset(scopes))

    def decorated(handler: _Handler) -> _Handler:
        @functools.wraps(handler)
        async def guarded(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the handler takes and returns
            request = _request((*given, *named.values()))
            found = request.scope.get("ostiary")
            if found is None:
                raise RuntimeError("the Ostiary middleware is not installed")
            broken = rule.broken_by(found)
            if broken is not None:
                raise _exception(request, broken)
            return await handler(*given, **named)

        return guarded  # type: ignore[return-value]  # functools.wraps keeps the handler's signature

    return decorated


def _request(arguments: Iterable[Any]) -> Any:  # noqa: ANN401 - any framework's request
    for argument in arguments:
        if isinstance(getattr(argument, "scope", None), MutableMapping):
            return argument
    raise RuntimeError("@requires needs a handler that takes the request")


def _exception(request: Any, refused: Refused) -> Exception:  # noqa: ANN401 - any framework's request
    """Return what the request's own framework turns into an answer."""
    module = "litestar.exceptions" if type(request).__module__.startswith("litestar") else "starlette.exceptions"
    kind = importlib.import_module(module).HTTPException
    made: Exception = kind(status_code=refused.status, detail=WORDS[refused.status], headers=headers_of(refused))
    return made
