"""What a server says of its operations is made when somebody asks, once, and beside the event loop."""

import asyncio
import json
import threading

from ostiary.web import description, openapi
from ostiary.web.description import Description
from tests.login.gatehouse import opened


def test_it_is_made_once_on_another_thread(tmp_path, monkeypatch):
    with opened(tmp_path) as house:
        operations = house.application.operations
    threads = []

    def noted(make):
        def made(*given):
            threads.append(threading.get_ident())
            return make(*given)

        return made

    for name in ("document", "rows"):
        monkeypatch.setattr(description, name, noted(getattr(openapi, name)))
    told = Description(operations, "1", "https://id.example.test")
    assert threads == []

    async def asked():
        return [await told.document(), await told.document()], [await told.rows(), await told.rows()]

    documents, rows = asyncio.run(asked())
    assert json.loads(documents[0]) == openapi.document(operations, "1", "https://id.example.test")
    assert rows[0] == openapi.rows(operations)
    assert documents[0] is documents[1]
    assert rows[0] is rows[1]
    assert len(threads) == 2
    assert threading.get_ident() not in threads
