"""Listeners that cannot be: the server says so instead of half serving."""

import asyncio
import socket

import pytest

from ostiary.cli.listeners import Listener, free_port, locked, serve_until_told
from ostiary.kernel.errors import BootRefused
from tests.flows import server


async def nothing(scope, receive, send):
    """An application that is never asked."""


async def test_a_listener_that_does_not_come_up_stops_the_start():
    """The port was free when it was looked at, and was taken since: whoever took it must not pass for ours."""
    said = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.free_port()))
        other.listen()
        taken = Listener(other.getsockname(), nothing)
        with pytest.raises(BootRefused, match=r"the listener on 127\.0\.0\.1:\d+ did not come up: .*in use"):
            await serve_until_told([taken], lambda: said.append("ready"), asyncio.Event())
    assert not said


def test_a_fault_behind_the_lock_is_not_taken_for_another_server(tmp_path):
    with pytest.raises(BlockingIOError), locked(tmp_path):
        raise BlockingIOError("from elsewhere")
    with locked(tmp_path), pytest.raises(BootRefused, match="another server runs"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_port_is_free_until_somebody_listens(family, host):
    with socket.socket(family) as other:
        other.bind((host, server.free_port()))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BootRefused, match=r"in use: stop what listens there, or set OSTIARY_PUBLIC_HTTP_ADDR$"):
            free_port((host, port), "OSTIARY_PUBLIC_HTTP_ADDR")
    free_port((host, port), "OSTIARY_PUBLIC_HTTP_ADDR")
