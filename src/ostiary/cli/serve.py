"""`ostiary serve`: the two listeners, the chores beside them, and the first administrator's link."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import uvloop
from msgspec.structs import replace

from ostiary.app import FRESH, Application, build
from ostiary.cli.journal import log_to_stderr
from ostiary.cli.listeners import Listener, free_port, locked, serve_until_told
from ostiary.cli.terminal import between, say
from ostiary.cli.workers import Supervisor
from ostiary.enrolment import service as enrolment
from ostiary.house import House, database_name, open_house, own_kek, prepare
from ostiary.kernel.clock import system_clock, ticks_of
from ostiary.kernel.values import Mode
from ostiary.settings import Settings, read_settings

__all__ = ["serve"]

_PROXIES_KEEP = 75_000
"""Milliseconds that the internal listener, which only this machine reaches, leaves a proxy's idle connections."""

Workers = Annotated[int, between(1, 64, "A number between 1 and 64 is expected.")]


def serve(*, fixture: bool = False, workers: Workers = 1, head_file: Path | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    Prints `ready` on standard output once both listeners are bound; writes its log as JSON lines to standard error.
    While there is no administrator it prints a one-time link to become one, a fresh one at each start.

    Parameters
    ----------
    fixture
        Make the tenant of a fresh data folder a fixture: everything runs for real, and no live gate accepts it.
    workers
        How many processes serve (1 to 64), on the same two ports; one that dies is replaced.
    head_file
        Append signed heads of the log to this file, instead of where OSTIARY_HEAD_FILE says.
    """
    settings = read_settings()
    if head_file:
        settings = replace(settings, log=replace(settings.log, head_file=head_file))
    log_to_stderr()
    own_kek(settings)
    with locked(settings.data_dir):
        free_port(settings.public_http_addr, "OSTIARY_PUBLIC_HTTP_ADDR")
        free_port(settings.internal_http_addr, "OSTIARY_INTERNAL_HTTP_ADDR")
        prepare(settings)
        for name in FRESH:
            (settings.data_dir / name).unlink(missing_ok=True)
        opened = open_house(settings, Mode.FIXTURE if fixture else None)
        try:
            token = opened.vault.transact_now(opened.scope, enrolment.invite_first)
            if workers == 1:
                _note(settings, [])
                _serve(opened, lambda: _announce(opened, token))
        finally:
            opened.close()
        if workers > 1:  # only now: what is forked has no connection, no open file of the database and no thread
            supervisor = Supervisor(
                workers, partial(_work, settings), partial(_note, settings), ticks_of(system_clock())
            )
            return supervisor.run(lambda: _announce(opened, token))
    return 0


def _work(settings: Settings, life: int, bound: Callable[[], None]) -> int:
    """Be one worker: a house, a cache and two listeners of its own."""
    opened = open_house(settings)
    try:
        _serve(opened, bound, life)
    finally:
        opened.close()
    return 0


def _note(settings: Settings, pids: list[int]) -> None:
    """Leave word of the workers for `doctor`, in the file whose lock says that a server runs."""
    with suppress(OSError):
        (settings.data_dir / "serve.lock").write_text(json.dumps({"workers": pids}), "utf-8")


def _serve(opened: House, ready: Callable[[], None], life: int | None = None) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(opened, build(opened, say=_say_now), ready, life))


async def _run(opened: House, application: Application, ready: Callable[[], None], life: int | None) -> None:
    """Serve until told; `life` becomes readable when the supervisor is gone."""
    settings = opened.settings
    stop, ended = asyncio.Event(), asyncio.Event()
    if life is not None:
        asyncio.get_running_loop().add_reader(life, stop.set)
    chores = asyncio.ensure_future(application.chores(ended))
    listeners = [
        Listener(settings.public_http_addr, application.public),
        Listener(settings.internal_http_addr, application.internal, _PROXIES_KEEP),
    ]
    try:
        await serve_until_told(listeners, ready, stop)
    finally:
        ended.set()  # only now: the last requests have been answered, so nothing is noted after the last flush
        await chores
        await opened.leave()


def _say_now(text: str) -> None:
    """Print a line at once: whoever keeps heads by reading standard output must not wait for a full buffer."""
    with suppress(OSError):
        say(text)
        sys.stdout.flush()


def _announce(opened: House, token: str | None) -> None:
    settings = opened.settings
    internal_host, internal_port = settings.internal_http_addr
    say(f"sign in    {settings.origin}")
    say(f"check      http://{internal_host}:{internal_port}/check")
    say(f"data       {settings.data_dir.resolve()}")
    if settings.database_url:
        say(f"database   {database_name(settings)}")
    if opened.scope.mode is Mode.FIXTURE:
        say("mode       fixture: for tries and tests; no live gate accepts these sessions")
    if token:
        say("")
        say("No administrator yet. Open this link within 15 minutes, in the browser you want to use:")
        say("")
        say(f"  {settings.origin}/enrol#{token}")
        say("")
        say("It works once. A restart prints a fresh one.")
        say("")
    say("ready")
    sys.stdout.flush()
