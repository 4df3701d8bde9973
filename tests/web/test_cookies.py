"""Cookies: finding one, whatever stands around it, and writing ones that stay on their host."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.web.cookies import CSRF, PRELOGIN, SESSION, Twice, clear_cookie, find_cookie, set_cookie

NAME = b"__Host-ostiary_session="


def simplest(header, name):
    """What RFC 6265bis means, with no thought of speed."""
    pairs = [pair.strip(b" \t") for pair in header.split(b";")]
    found = [pair[len(name) :].strip(b" \t") for pair in pairs if pair.startswith(name)]
    if len(found) > 1:
        raise Twice
    return found[0] if found else None


def outcome(find, header):
    try:
        return find(header, NAME)
    except Twice:
        return Twice


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"", None),
        (NAME, b""),
        (NAME + b"v1.a", b"v1.a"),
        (b"a=1; " + NAME + b"v", b"v"),
        (b"a=1;" + NAME + b"v", b"v"),
        (b"a=1;\t " + NAME + b" v\t; b=2", b"v"),
        (b"  " + NAME + b"v", b"v"),
        (b";;" + NAME + b"v;;", b"v"),
        (NAME + b"a=b", b"a=b"),
        (NAME + b'"v"', b'"v"'),
        (NAME + b"\xff\xfe\x00", b"\xff\xfe\x00"),
        (b"\xff=\xfe; " + NAME + b"v", b"v"),
        (b"a=" + NAME + b"v", None),
        (b"a=1 " + NAME + b"v", None),
        (b"x" + NAME + b"v", None),
        (b"a=1," + NAME + b"v", None),
        (b"\n" + NAME + b"v", None),
        (NAME.upper() + b"v", None),
        (NAME.replace(b"=", b" =") + b"v", None),
        (b"a=" + NAME + b"x; " + NAME + b"v", b"v"),
        (NAME + NAME + b"v", NAME + b"v"),
    ],
)
def test_a_cookie_is_found_where_it_stands_alone(header, value):
    assert find_cookie(header, NAME) == value
    assert simplest(header, NAME) == value


@pytest.mark.parametrize("between", [b"; ", b";", b" ;\t", b"; a=1; "])
def test_a_cookie_that_stands_twice_is_nobodys(between):
    for first, second in ((b"v", b"v"), (b"v", b"w"), (b"", b"")):
        with pytest.raises(Twice):
            find_cookie(NAME + first + between + NAME + second, NAME)


PIECES = st.sampled_from(
    [NAME, b"=", b";", b"; ", b" ", b"\t", b"\n", b",", b'"', b"\0", b"\xff", b"a", b"__Host-", NAME[:-1]]
)


@settings(deadline=None)
@given(st.lists(PIECES | st.binary(max_size=4), max_size=12).map(b"".join))
def test_every_header_is_read_as_the_simplest_reader_reads_it(header):
    assert outcome(find_cookie, header) == outcome(simplest, header)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"x=" + NAME * 20_000, id="the name inside a value"),
        pytest.param((b" " * 20 + NAME) * 10_000, id="the name behind blanks"),
        pytest.param(b"; " * 230_000 + NAME, id="nothing but separators"),
    ],
)
def test_no_header_takes_long(header):
    """Half a megabyte: a reader that copies what it has read at every name needs seconds."""
    begun = time.process_time()
    outcome(find_cookie, header)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("name", [SESSION, CSRF, PRELOGIN])
@pytest.mark.parametrize("samesite", ["Lax", "Strict"])
@pytest.mark.parametrize("http_only", [True, False])
def test_cookies_belong_to_the_whole_host_and_to_https(name, samesite, http_only):
    assert name.startswith("__Host-")
    for written in (
        set_cookie(name, "v", 7, samesite=samesite, http_only=http_only),
        clear_cookie(name, samesite=samesite, http_only=http_only),
    ):
        pair, *attributes = written.split("; ")
        assert pair in {f"{name}=v", f"{name}="}
        assert {"Path=/", "Secure", f"SameSite={samesite}"} <= set(attributes)
        assert ("HttpOnly" in attributes) is http_only
        assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_a_cookie_lasts_as_long_as_it_is_told_and_is_cleared_at_once():
    assert "; Max-Age=28800;" in set_cookie(SESSION, "v", 28_800)
    assert clear_cookie(SESSION).startswith(f"{SESSION}=; Path=/; Max-Age=0;")
