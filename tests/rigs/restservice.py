"""A small real HTTP service on this machine that speaks strict JSON, and has bad days on demand."""

import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 20
CODES = {
    400: "invalid_request",
    401: "unauthorized",
    404: "not_found",
    409: "conflict",
    429: "too_many_requests",
    500: "internal_error",
    503: "service_unavailable",
}


class Trouble(Exception):
    """An answer that is no success: its status and code."""

    def __init__(self, status, code=""):
        super().__init__(status)
        self.status, self.code = status, code or CODES[status]


class RestService:
    """What came, on how many lines, how many were left, how many stood at once; and what goes wrong: `fault` stays until it is cleared, `faults` are taken in turn, before it.

    A fault is a status, a status and a body, bytes to write instead of an answer, or one of `slow` (no answer until `let_go`), `drip` (a
    byte now and then) and `close` (the line, before an answer). `operations` maps (method, path) to what answers; a path may hold one `*`.
    """

    def __init__(self):
        self.came, self.faults, self.fault = [], [], None
        self.lines = self.left = self.most = 0
        self.token, self.port = "", 0
        self.reached, self.let_go, self.guard = threading.Event(), threading.Event(), threading.Lock()

    @property
    def url(self):
        """The base address."""
        return f"http://127.0.0.1:{self.port}/base"

    def operations(self):
        """{(method, path): answer(parts, headers, body) -> object}; raises Trouble."""
        raise NotImplementedError

    def answer(self, method, path, headers, raw):
        """(status, object) for one request."""
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": {"code": CODES[401], "message": "who are you?"}}
        try:
            with self.guard:
                return 200, self._found(method, path.removeprefix("/base"))(headers, raw)
        except Trouble as trouble:
            return trouble.status, {"error": {"code": trouble.code, "message": "as its code says"}}

    def _found(self, method, path):
        for (known, pattern), act in self.operations().items():
            before, star, after = pattern.partition("*")
            inner = path[len(before) : len(path) - len(after)] if star else ""
            if known == method and path == before + inner + after and "/" not in inner and bool(inner) == bool(star):
                return lambda headers, raw: act(*([inner] if star else []), headers, raw)
        raise Trouble(404)


def strict(headers, raw, **wanted):
    """The fields of a body that has exactly these, each of its type (a set of names: an object of texts); or 400."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise Trouble(400)
        return dict(pairs)

    try:
        body = json.loads(raw.decode(), object_pairs_hook=once)
    except ValueError:
        raise Trouble(400) from None
    if headers.get("content-type") != "application/json" or not isinstance(body, dict) or set(body) != set(wanted):
        raise Trouble(400)
    for name, kind in wanted.items():
        if kind is str and not (isinstance(body[name], str) and body[name].strip()):
            raise Trouble(400)
        if isinstance(kind, set) and not (isinstance(body[name], dict) and set(body[name]) <= kind):
            raise Trouble(400)
    return body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = PATIENCE_S

    def setup(self):
        super().setup()
        service = self.server.service
        with service.guard:
            service.lines += 1
            service.most = max(service.most, service.lines - service.left)

    def handle_any(self):
        """Answer one request, or do what the fault says."""
        service = self.server.service
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        service.came.append((self.command, self.path, headers, raw))
        fault = service.faults.pop(0) if service.faults else service.fault
        match fault:
            case None:
                self.say(*service.answer(self.command, self.path, headers, raw))
            case int():
                self.say(fault, {"error": {"code": CODES.get(fault, "odd"), "message": "a bad day"}})
            case (status, bytes(body)):
                self.write(status, body)
            case bytes():
                self.wfile.write(fault)
                self.close_connection = True
            case "close":
                self.close_connection = True
            case _:
                self.stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" if fault == "drip" else b"")

    do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server calls

    def say(self, status, value):
        """Answer with JSON."""
        self.write(status, json.dumps(value).encode())

    def write(self, status, body):
        """Write one answer in one piece."""
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nlocation: /elsewhere\r\ncontent-length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def stall(self, head):
        """Say nothing to the end, a byte now and then, until let go."""
        service = self.server.service
        service.reached.set()
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(head)
            while not service.let_go.wait(0.05):
                self.wfile.write(b" " if head else b"")

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def shutdown_request(self, request):
        with self.service.guard:
            self.service.left += 1
        super().shutdown_request(request)


@contextmanager
def running(service, port=0):
    """Run a service for the block."""
    with _Server(("127.0.0.1", port), _Handler) as server:
        server.service, service.port = service, server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            service.let_go.set()
            server.shutdown()
            thread.join()
