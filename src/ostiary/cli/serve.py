"""`ostiary serve`: the two listeners, the chores beside them, and the first administrator's link."""

import asyncio
import logging
import sys
from contextlib import suppress

import structlog
import uvloop

from ostiary.app import Application, House, build
from ostiary.cli.listeners import free_port, locked, serve_until_told
from ostiary.cli.terminal import house, say
from ostiary.enrolment import service as enrolment
from ostiary.settings import Settings, read_settings

__all__ = ["serve"]


def serve() -> int:
    """Serve until SIGINT or SIGTERM. Prints `ready` once both listeners are bound."""
    settings = read_settings()
    _log_to_stderr()
    for address in (settings.public_http_addr, settings.internal_http_addr):
        free_port(address)
    with locked(settings.data_dir), house(settings) as opened:
        application = build(opened)
        token = opened.vault.transact_now(opened.scope, enrolment.invite_first)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(opened, application, token))
    return 0


async def _run(opened: House, application: Application, token: str | None) -> None:
    settings = opened.settings
    stop = asyncio.Event()
    chores = asyncio.ensure_future(application.chores(stop))
    listeners = [
        (settings.public_http_addr, application.public),
        (settings.internal_http_addr, application.internal),
    ]
    await serve_until_told(listeners, lambda: _announce(settings, token), stop)
    await chores


def _announce(settings: Settings, token: str | None) -> None:
    internal_host, internal_port = settings.internal_http_addr
    say(f"sign in    {settings.origin}")
    say(f"check      http://{internal_host}:{internal_port}/check")
    if token:
        say("")
        say("No administrator yet. Open this link within 15 minutes, in the browser you want to use:")
        say(f"  {settings.origin}/enrol#{token}")
        say("It works once. A restart prints a fresh one.")
        say("")
    say("ready")
    sys.stdout.flush()


def _log_to_stderr() -> None:
    """Write one JSON line per log entry; none per request and none per check."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Patient(sys.stderr),
    )


class _Patient(structlog.PrintLogger):
    """Drops a line that cannot be written: a full disk under the log must not turn a 503 into a 500."""

    def msg(self, message: str) -> None:
        """Write one line, if it can be written."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg
