"""What a server says of its operations: made once, when somebody first asks, and beside the event loop."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from ostiary.web.openapi import document, rows
from ostiary.web.operation import Operation

__all__ = ["Description"]


class Description:
    """The OpenAPI document and its readable rows. They take a tenth of a second, which nobody's request waits for."""

    def __init__(self, operations: Sequence[Operation], version: str, origin: str) -> None:
        self._given = operations, version, origin

    async def document(self) -> bytes:
        """Return the document as JSON."""
        return await asyncio.to_thread(lambda: self._document)

    async def rows(self) -> list[dict[str, Any]]:
        """Return what the readable page shows of each operation."""
        return await asyncio.to_thread(lambda: self._rows)

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(document(*self._given))

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return rows(self._given[0])
