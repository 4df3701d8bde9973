"""`ostiary serve` under uvicorn instead of granian: `python -m tests.flows.second_server` (ruling 18).

Granian's embedded server is marked experimental, so the way back is kept open: both applications are plain ASGI.
"""

import asyncio
import signal
from contextlib import contextmanager

import uvicorn
import uvloop

from ostiary.app import build
from ostiary.enrolment import service as enrolment
from ostiary.house import open_house, prepare
from ostiary.settings import read_settings


class Server(uvicorn.Server):
    """One of two in a process: signals are for whoever started both."""

    @contextmanager
    def capture_signals(self):
        yield


# The client's address is ours to decide, and an application is what it is called with, not what it looks like.
PLAIN = {"interface": "asgi3", "proxy_headers": False, "lifespan": "off", "log_level": "warning", "access_log": False}


async def serve(settings, application):
    """Serve both listeners until SIGTERM."""
    servers = [
        Server(uvicorn.Config(app, host=host, port=port, **PLAIN))
        for (host, port), app in (
            (settings.public_http_addr, application.public),
            (settings.internal_http_addr, application.internal),
        )
    ]

    def stop():
        for server in servers:
            server.should_exit = True

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    ended = asyncio.Event()
    chores = asyncio.ensure_future(application.chores(ended))
    running = [asyncio.ensure_future(server.serve()) for server in servers]
    while not all(server.started for server in servers):  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await asyncio.gather(*running)
    ended.set()
    await chores


def main():
    """Open the house as `ostiary serve` does, print the link, serve."""
    settings = read_settings()
    prepare(settings)
    house = open_house(settings)
    print(f"  {settings.origin}/enrol#{house.vault.transact_now(house.scope, enrolment.invite_first)}", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, build(house)))
    house.close()


if __name__ == "__main__":
    main()
