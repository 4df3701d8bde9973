"""The log for those who watch it, on the internal listener: a signed head, and proofs."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.gateway.guarded import guarded
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.receipts.heads import signed_head
from ostiary.receipts.proofs import prove_consistency, prove_inclusion
from ostiary.storage.tx import UseCase
from ostiary.storage.vault import Vault
from ostiary.web.problems import problem

__all__ = ["LogRoutes"]

_LONGEST = 18


class LogRoutes:
    """Answers from the stored tree; a head is signed when it is asked for."""

    def __init__(self, vault: Vault, scope: Scope, keyring: Keyring) -> None:
        self._vault, self._scope, self._keyring = vault, scope, keyring

    def routes(self) -> list[Route]:
        """Return the three routes."""
        paths = {"head": self._head, "proof": self._proof, "consistency": self._consistency}
        return [guarded(f"/api/v1/receipts/{name}", handler) for name, handler in paths.items()]

    async def _head(self, request: Request) -> Response:
        return await self._answer(lambda tx: signed_head(tx, self._keyring))

    async def _proof(self, request: Request) -> Response:
        receipt = request.query_params.get("receipt", "").replace("\0", "")
        return await self._answer(lambda tx: prove_inclusion(tx, self._keyring, receipt))

    async def _consistency(self, request: Request) -> Response:
        old, size = _number(request, "from"), _number(request, "to")
        return await self._answer(lambda tx: prove_consistency(tx, old, size))

    async def _answer(self, use_case: UseCase[Any]) -> Response:
        made = await self._vault.read(self._scope, use_case)
        if isinstance(made, Refusal):
            return problem(made, "-")
        return Response(msgspec.json.encode(made), media_type="application/json")


def _number(request: Request, name: str) -> int:
    """Return a size that is asked for; 0, which is refused, where it is no number."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST else 0
