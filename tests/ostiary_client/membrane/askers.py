"""Both clients in front of one fake, asked in one way: what holds for one must hold for the other."""

import asyncio
from dataclasses import fields
from typing import get_args, get_type_hints

import httpx2

from ostiary_client.membrane import AsyncMembrane, Membrane
from ostiary_client.membrane.operations import Operations
from ostiary_client.membrane.verbs import Verb

KINDS = ("sync", "async")
OPERATIONS = {name: verb.request for name, verb in vars(Operations).items() if isinstance(verb, Verb)}
"""Every method's name (aliases too), and the request that it sends."""


class Asker:
    """Asks through one kind of client. `pauses` are the sleeps it took, by which its clock moves too."""

    def __init__(self, kind, fake, credential="", **more):
        self.kind, self.fake, self.pauses, self.now = kind, fake, [], 0.0
        transport = httpx2.MockTransport(fake.handle)
        self.more = {"credential": credential, "ticks": lambda: self.now, **more}
        base = "http://127.0.0.1:8080"
        if kind == "sync":
            self.made = Membrane(
                client=httpx2.Client(transport=transport, base_url=base), sleep=self.slept, **self.more
            )
        else:
            client = httpx2.AsyncClient(transport=transport, base_url=base)
            self.made = AsyncMembrane(client=client, sleep=self.slept_async, **self.more)

    def slept(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    async def slept_async(self, seconds):
        self.slept(seconds)

    def __getattr__(self, name):
        def asked(**given):
            result = getattr(self.made, name)(**given)
            return result if self.kind == "sync" else asyncio.run(awaited(result))

        return asked


async def awaited(result):
    return await result


def filled(request, *, all_fields=False):
    """Arguments for a request: those that it needs, or all that it has."""
    kinds = get_type_hints(request)
    return {
        one.name: value(kinds[one.name])
        for one in fields(request)
        if all_fields or (one.default is one.default_factory)  # both MISSING
    }


def value(kind):
    """Something of a type."""
    kinds = get_args(kind) or (kind,)
    return {str: "x:y", int: 7, bool: False}.get(kinds[0], ["a.b"])
