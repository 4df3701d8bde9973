"""`ostiary demo`: the command."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from subprocess import SubprocessError

from ostiary.cli.demo.server import temporary
from ostiary.cli.demo.stage import Stage
from ostiary.cli.demo.story import ACTS, Cast
from ostiary.cli.paint import paint_for
from ostiary.kernel.clock import system_clock
from ostiary.kernel.errors import OstiaryError

__all__ = ["demo"]

_TERMINATED = 143


def demo(*, json_: bool = False) -> int:
    """Show the whole life of a session against a server of its own, then clean up.

    A real server starts in a temporary folder; a passkey in software signs in from two browsers, thieves try their
    luck, sessions end, the server is killed and comes back. Each line is a claim that is tried; exit code 1 when one
    does not hold. It touches nothing of yours and needs no network.

    Parameters
    ----------
    json_
        Print one JSON object a line: begin, act, claim, note, end.
    """
    clock = system_clock()
    stage = Stage(sys.stdout, paint_for(sys.stdout), clock, as_json=json_)
    with _terminable(), temporary() as server:
        stage.open("The life of a session, shown from outside")
        cast = Cast.on(stage, clock, server)
        try:
            for act in ACTS:
                act(cast)
        except (OstiaryError, OSError, HTTPException, SubprocessError, LookupError, ValueError) as fault:
            stage.claim("the story goes on", f"{type(fault).__name__}: {fault}", holds=False)
    return stage.close("The server is stopped and its folder is gone.")


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM leave the block as an exception does, so that everything is cleaned up."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
