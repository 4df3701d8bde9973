"""The bytes of one exchange over HTTP/1.1 (RFC 9112): a request written, an answer read strictly, piece by piece."""

import re
from collections.abc import Generator
from urllib.parse import SplitResult

from ostiary.remote.model import Answer, Question

__all__ = ["LONGEST_BODY", "Reading", "written"]

LONGEST_BODY = 65_536
_LONGEST_HEAD = 16_384
_LONGEST_LINE = 1024
_MOST_PRELUDES = 5
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?\Z")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\Z")
_LENGTH = re.compile(rb"[0-9]{1,9}\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,7})[ \t]*(?:;[^\r\n\0]*)?\Z")
_BODILESS = {204, 304}
_FINAL = 200

Steps = Generator[None, None, None]


def written(question: Question, base: SplitResult, token: str) -> bytes:
    """Return the bytes of a request."""
    headers = {
        "host": base.netloc,
        "accept": "application/json",
        "user-agent": "ostiary",
        **({"authorization": f"Bearer {token}"} if token else {}),
        **({"content-type": "application/json"} if question.body else {}),
        **({"content-length": str(len(question.body))} if question.body or question.method != "GET" else {}),
        **question.headers,
    }
    lines = [f"{question.method} {base.path.rstrip('/')}{question.path} HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + question.body


class Reading:
    """One answer as it comes in. `answer` is there once it is whole, and `reusable` whether its line is good for more.

    Raises ValueError for what is no HTTP/1.1, says two things about its length, or is too long.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._held, self._body, self._ended = bytearray(), bytearray(), False
        self._kept, self._steps = False, self._read()

    @property
    def reusable(self) -> bool:
        """Tell whether the line can carry another exchange: it stays open, and nothing came that nobody asked for."""
        return self.answer is not None and self._kept and not self._held and not self._ended

    def feed(self, data: bytes) -> None:
        """Take what came next."""
        self._held += data
        if self.answer is None:
            next(self._steps, None)

    def end(self) -> None:
        """Take that nothing comes any more."""
        self._ended = True
        if self.answer is None:
            next(self._steps, None)

    def _read(self) -> Steps:
        for _ in range(_MOST_PRELUDES):
            version, status, fields = yield from self._head()
            if status >= _FINAL:
                break
        else:
            raise ValueError("no answer, only preludes")
        asked = {token.strip().lower() for token in b",".join(fields.get(b"connection", [])).split(b",")}
        self._kept = version == b"1" and b"close" not in asked
        if status not in _BODILESS:
            yield from self._content(fields)
        self.answer = Answer(status, bytes(self._body))

    def _head(self) -> Generator[None, None, tuple[bytes, int, dict[bytes, list[bytes]]]]:
        status = _STATUS.match((yield from self._line(_LONGEST_LINE)))
        if status is None:
            raise ValueError("no status line")
        fields: dict[bytes, list[bytes]] = {}
        left = _LONGEST_HEAD
        while line := (yield from self._line(left)):
            field, left = _FIELD.match(line), left - len(line)
            if field is None:
                raise ValueError("no header field")
            fields.setdefault(field[1].lower(), []).append(field[2])
        return status[1], int(status[2]), fields

    def _content(self, fields: dict[bytes, list[bytes]]) -> Steps:
        coded, lengths = fields.get(b"transfer-encoding"), set(fields.get(b"content-length", []))
        if coded:
            if lengths or [one.lower() for one in coded] != [b"chunked"]:
                raise ValueError("two lengths, or an unknown coding")
            yield from self._chunks()
        elif lengths:
            (length,) = lengths  # raises ValueError for several
            yield from self._take(_size(length))
        else:
            self._kept = False
            yield from self._rest()

    def _chunks(self) -> Steps:
        while True:
            chunk = _CHUNK.match((yield from self._line(_LONGEST_LINE)))
            if chunk is None:
                raise ValueError("no chunk")
            if (size := int(chunk[1], 16)) == 0:
                break
            yield from self._take(size)
            if (yield from self._line(0)):
                raise ValueError("a chunk without an end")
        while (yield from self._line(_LONGEST_LINE)):
            self._kept = False  # trailers: nobody of ours sends them

    def _rest(self) -> Steps:
        while not self._ended:
            if len(self._held) > LONGEST_BODY:
                raise ValueError("too long")
            yield
        yield from self._take(len(self._held))

    def _take(self, size: int) -> Steps:
        if len(self._body) + size > LONGEST_BODY:
            raise ValueError("too long")
        while len(self._held) < size:
            yield from self._more()
        self._body += self._held[:size]
        del self._held[:size]

    def _line(self, most: int) -> Generator[None, None, bytes]:
        start = 0
        while (at := self._held.find(b"\r\n", start)) < 0:
            start = max(0, len(self._held) - 1)
            if start > most:
                raise ValueError("a line is too long")
            yield from self._more()
        if at > most:
            raise ValueError("a line is too long")
        taken = bytes(self._held[:at])
        del self._held[: at + 2]
        return taken

    def _more(self) -> Steps:
        if self._ended:
            raise ValueError("it ends too early")
        yield


def _size(text: bytes) -> int:
    if not _LENGTH.match(text):
        raise ValueError("no length")
    return int(text)
