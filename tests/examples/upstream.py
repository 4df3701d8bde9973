"""The application behind the proxies: it tells which headers it was given, and counts its requests."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.rigs.counterparts import free_port

__all__ = ["upstream"]


class _Told(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        self.server.count += 1
        told = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body}
        raw = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's own names

    def log_message(self, *_):
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    count = 0

    def handle_error(self, request, client_address):
        """Say nothing of a proxy that hung up when it was stopped."""


@contextmanager
def upstream():
    """Serve for the block; `server_port` is where, `count` how many requests came."""
    server = _Server(("127.0.0.1", free_port()), _Told)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
