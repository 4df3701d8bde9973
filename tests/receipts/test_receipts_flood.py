"""One stranger with one spent attempt writes as many undeletable receipts as he sends requests."""

import socket
import time

from tests.flows.browser import Browser

_REQUESTS = 1500


def test_a_replayed_attempt_does_not_fill_the_disk_with_receipts(server):
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    stranger = Browser(server)
    begun = stranger.begin()
    for _ in range(6):
        refused = stranger.finish(begun)
    assert refused.code == "login_attempts_exhausted"
    sent, raw = stranger.dress(
        "POST", {"attempt": begun["attempt"], "credential": stranger.passkey.get(begun["options"])}
    )
    head = "".join(f"{k}: {v}\r\n" for k, v in {**sent, "content-length": len(raw)}.items())
    request = f"POST /login/passkey/finish HTTP/1.1\r\n{head}\r\n".encode() + raw
    before = len(server.json("receipts", "list", "--most", "1000000"))
    began = time.monotonic()
    lines = [socket.create_connection(("127.0.0.1", server.public_port), 10) for _ in range(50)]
    for _ in range(_REQUESTS // len(lines)):
        for line in lines:
            line.sendall(request)
        for line in lines:
            assert b" 401 " in line.recv(65536)[:20]
    took = time.monotonic() - began
    for line in lines:
        line.close()
    made = len(server.json("receipts", "list", "--most", "1000000")) - before
    # what the door itself refuses is written singly 20 times a second at most, and counted above that
    assert made <= 25 * (took + 1) + 50, f"{made} receipts of {_REQUESTS} replays in {took:.1f} s"
