"""What a server says of its operations is made when somebody asks, and once."""

import asyncio
import json

from ostiary.web import openapi
from ostiary.web.description import Description
from tests.login.gatehouse import opened


def test_it_is_made_once_for_all_who_ask(tmp_path):
    with opened(tmp_path) as house:
        operations = house.application.operations
    told = Description(operations, "1", "https://id.example.test")
    assert {"_document", "_rows"}.isdisjoint(vars(told))

    async def asked():
        return [await told.document(), await told.document()], [await told.rows(), await told.rows()]

    documents, rows = asyncio.run(asked())
    assert json.loads(documents[0]) == openapi.document(operations, "1", "https://id.example.test")
    assert rows[0] == openapi.rows(operations)
    assert documents[0] is documents[1]
    assert rows[0] is rows[1]
