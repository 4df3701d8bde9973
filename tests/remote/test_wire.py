"""Answers are read byte for byte alike however they come in pieces, and what is no HTTP/1.1 is refused."""

from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.errors import ContractBroken
from ostiary.remote.model import Answer, Place, Question
from ostiary.remote.wire import LONGEST_BODY, Reading, written

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = {
    OK + b"content-length: 2\r\n\r\n{}": (Answer(200, b"{}"), True),
    OK + b"Content-Length:2\r\nX-Odd: \xff\r\n\r\n{}": (Answer(200, b"{}"), True),
    OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}": (Answer(200, b"{}"), True),
    OK + b"content-length: 2\r\nConnection: Keep-Alive, Close\r\n\r\n{}": (Answer(200, b"{}"), False),
    OK + b"content-length: 2\r\n\r\n{}HTTP/1.1 408": (Answer(200, b"{}"), False),
    b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}": (Answer(200, b"{}"), False),
    b"HTTP/1.1 204\r\ncontent-length: 7\r\n\r\n": (Answer(204), True),
    b"HTTP/1.1 304 \r\n\r\n": (Answer(304), True),
    b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK + b"content-length: 1\r\n\r\n1": (Answer(200, b"1"), True),
    OK + b"Transfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n": (Answer(200, b"{}"), True),
    OK + b"transfer-encoding: chunked\r\n\r\n02\r\n{}\r\n0\r\nx: y\r\n\r\n": (Answer(200, b"{}"), False),
    OK + b"content-length: 0\r\n\r\n": (Answer(200), True),
    OK + b"content-length: 65536\r\n\r\n" + b" " * LONGEST_BODY: (Answer(200, b" " * LONGEST_BODY), True),
}
JUNK = [
    b"nonsense\r\n",
    b"HTTP/2 200 OK\r\n",
    b"HTTP/1.1 099 OK\r\n",
    b"HTTP/1.1 2000 OK\r\n",
    b"HTTP/1.1 200\nOK\r\n",
    b" HTTP/1.1 200 OK\r\n",
    b"H" * 2000,
    OK + b"no colon\r\n",
    OK + b"name : value\r\n",
    OK + b" folded: value\r\n",
    OK + b"x: a\0b\r\n",
    OK + b"x: a\rb\r\n",
    OK + b"x: y\r\n" * 5000,
    OK + b"x: " + b"y" * 20_000,
    OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    OK + b"content-length: 2, 2\r\n\r\n{}",
    OK + b"content-length: +2\r\n\r\n{}",
    OK + b"content-length: -1\r\n\r\n{}",
    OK + b"content-length: 0x2\r\n\r\n{}",
    OK + b"content-length: 65537\r\n\r\n",
    OK + b"content-length: 999999999\r\n\r\n",
    OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
    OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
    OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
    OK + b"transfer-encoding: chunked\r\n\r\nx\r\n",
    OK + b"transfer-encoding: chunked\r\n\r\n-1\r\n",
    OK + b"transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n",
    OK + b"transfer-encoding: chunked\r\n\r\n10001\r\n",
    OK + b"transfer-encoding: chunked\r\n\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n" + b"f001\r\n",
    OK + b"\r\n" + b" " * (LONGEST_BODY + 1),
    b"HTTP/1.1 100 Continue\r\n\r\n" * 6,
]


def read(*pieces, end=False):
    reading = Reading()
    for piece in pieces:
        reading.feed(piece)
    if end:
        reading.end()
    return reading


@pytest.mark.parametrize("raw", WHOLE)
def test_an_answer_is_read(raw):
    reading = read(raw)
    assert (reading.answer, reading.reusable) == WHOLE[raw]


@given(st.sampled_from([raw for raw in WHOLE if len(raw) < 1000]), st.lists(st.integers(0, 120)))
def test_it_is_the_same_in_any_pieces(raw, cuts):
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(edges)]
    reading = read(*pieces)
    assert (reading.answer, reading.reusable) == WHOLE[raw]


def test_without_a_length_it_lasts_to_the_end():
    reading = read(OK + b"\r\n{", b"}")
    assert reading.answer is None
    reading.end()
    assert (reading.answer, reading.reusable) == (Answer(200, b"{}"), False)


@pytest.mark.parametrize("raw", JUNK, ids=range(len(JUNK)))
def test_junk_is_refused_as_soon_as_it_is_seen(raw):
    with pytest.raises(ValueError, match=r"."):
        read(raw)


@given(st.sampled_from([raw for raw in WHOLE if len(raw) < 1000 and b"408" not in raw]), st.data())
def test_what_ends_too_early_is_no_answer(raw, data):
    reading = read(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(ValueError, match="too early"):
        reading.end()
    assert reading.answer is None


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(raw):
    try:
        reading = read(OK[:13] + raw, end=True)
    except ValueError:
        return
    assert reading.answer is not None
    assert not reading.reusable


def test_a_request_is_written():
    base = urlsplit("https://[::1]:8443/base/")
    asked = written(Question("POST", "/x", b"{}", {"idempotency-key": "c-1"}), base, "tok")
    head, _, body = asked.partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.decode().split("\r\n") == [
        "POST /base/x HTTP/1.1",
        "host: [::1]:8443",
        "accept: application/json",
        "user-agent: ostiary",
        "authorization: Bearer tok",
        "content-type: application/json",
        "content-length: 2",
        "idempotency-key: c-1",
    ]
    assert b"content-length" not in written(Question("GET", "/x"), base, "")


@pytest.mark.parametrize(
    "odd",
    [
        {"path": "/a b"},
        {"path": "/a\r\nb"},
        {"path": "/ü"},
        {"method": "GET "},
        {"headers": {"a\r\nb": "c"}},
        {"headers": {"idempotency-key": "a\r\nb: c"}},
        {"headers": {"idempotency-key": "ü"}},
    ],
)
def test_a_request_that_could_be_read_as_two_is_not_made(odd):
    with pytest.raises(ContractBroken):
        Question(**{"method": "GET", "path": "/"} | odd)


def test_nothing_that_names_somebody_is_shown():
    shown = repr([Question("POST", "/ada", b"ada"), Answer(200, b"ada"), Place("https://a.test", 1, "ada")])
    assert "ada" not in shown
