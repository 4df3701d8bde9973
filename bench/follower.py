"""A gateway as it is measured: a process of its own that blocks on the stream and notes when each event came.

Run by `bench.projection`: port, key of the stream, how many events to wait for. Says `ready`, and at the end one JSON
object: nanoseconds of CLOCK_MONOTONIC, which all processes share, by session and status.
"""

import json
import sys
import time

from redis import Redis

__all__ = ["main"]

_PATIENCE_MS = 60_000


def main(port: int, stream: str, count: int) -> None:
    """Follow until so many events have come."""
    came: dict[str, int] = {}
    with Redis(port=port, decode_responses=True, protocol=2) as client:
        entries = client.xrevrange(stream, count=1)
        last = entries[0][0] if entries else "0"
        print("ready", flush=True)
        while len(came) < count:
            for _, some in client.xread({stream: last}, 128, _PATIENCE_MS):
                now = time.monotonic_ns()
                for place, fields in some:
                    last = place
                    came[f"{fields['device_session_id']} {fields['status']}"] = now
    print(json.dumps(came), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
