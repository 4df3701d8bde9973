"""One row of the contract, two methods: a request's class is the signature of the sync and of the async method.

    class AuthLoginStart(TenantRequest[LoginStarted], operation="auth.loginStart", path="/v1/auth/login/start"): ...
    auth_login_start = Verb(AuthLoginStart)

On a client that waits, the method returns an `Answer[LoginStarted]`; on one that is awaited, a coroutine of it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, ParamSpec, Self, TypeAlias, TypeVar, get_args, overload

from ostiary_client.membrane.answers import Answer, Body

__all__ = ["Awaited", "Direct", "Request", "TenantRequest", "Verb", "Words"]

BodyT = TypeVar("BodyT", bound=Body)
_Given = ParamSpec("_Given")

Words: TypeAlias = tuple[str, ...] | list[str]
"""Several words; never one string, which is a sequence of letters."""


@dataclass(frozen=True, kw_only=True)
class Request(Generic[BodyT]):
    """What an operation is asked with. A field that is None is not sent.

    `again` says that the very same request may be sent twice: it changes nothing, or its repetition does not.
    """

    operation: ClassVar[str] = ""
    path: ClassVar[str] = ""
    again: ClassVar[bool] = False
    answers: ClassVar[type[Body]] = Body

    def __init_subclass__(cls, *, operation: str = "", path: str = "", again: bool = False) -> None:
        cls.operation, cls.path, cls.again = operation, path, again
        kind = get_args(cls.__orig_bases__[0])[0]  # type: ignore[attr-defined]  # what a generic class keeps of its bases
        cls.answers = kind if isinstance(kind, type) else Body

    def content(self, tenant: str) -> bytes:
        """Return the body as it is sent; `tenant` where the request names none. Empty for a request without fields."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        if not given:
            return b""
        if given.get("tenant") is None:
            given["tenant"] = tenant or None
        return json.dumps({name: value for name, value in given.items() if value is not None}).encode()


@dataclass(frozen=True, kw_only=True)
class TenantRequest(Request[BodyT], Generic[BodyT]):
    """A request about one tenant: the client's own where none is named."""

    tenant: str | None = None


class Direct(ABC):
    """A client that waits for the answer."""

    @abstractmethod
    def carry(self, request: Request[BodyT]) -> Answer[BodyT]:
        """Carry one request across. Raises MembraneRefusal."""


class Awaited(ABC):
    """A client whose answer is awaited."""

    @abstractmethod
    async def carry(self, request: Request[BodyT]) -> Answer[BodyT]:
        """Carry one request across. Raises MembraneRefusal."""


class Verb(Generic[_Given, BodyT]):
    """A method of both clients, with the fields of a request as its keyword arguments."""

    def __init__(self, request: Callable[_Given, Request[BodyT]]) -> None:
        self.request = request
        self.__doc__ = request.__doc__

    @overload
    def __get__(self, client: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, client: Direct, owner: type[Any]) -> Callable[_Given, Answer[BodyT]]: ...

    @overload
    def __get__(self, client: Awaited, owner: type[Any]) -> Callable[_Given, Coroutine[Any, Any, Answer[BodyT]]]: ...

    def __get__(self, client: Direct | Awaited | None, owner: type[Any]) -> Any:
        if client is None:
            return self

        def carried(*args: _Given.args, **given: _Given.kwargs) -> Any:  # noqa: ANN401 - as the client answers
            request = self.request(*args, **given)
            given.clear()  # a traceback that shows locals shows a code or a link's token otherwise
            return client.carry(request)

        carried.__doc__ = self.__doc__
        return carried
