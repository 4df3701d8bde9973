"""One stranger's unfinished request must not keep the server from stopping."""

import signal
import socket
import time


def test_sigterm_ends_the_server_although_a_stranger_has_not_finished_his_request(server):
    line = socket.create_connection(("127.0.0.1", server.public_port), 5)
    line.sendall(
        f"POST /login/passkey/begin HTTP/1.1\r\nhost: localhost:{server.public_port}\r\n"
        "content-type: application/json\r\ncontent-length: 2\r\n\r\n{".encode()
    )
    time.sleep(0.3)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    while server.process.poll() is None and time.monotonic() - began < 15:
        time.sleep(0.1)
    ended = server.process.poll()
    line.close()
    assert ended is not None, "still running 15 s after SIGTERM"
