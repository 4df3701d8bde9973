"""Open redirects, by name: what is no address here, and what two readers could take for different hosts."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.services.destinations import destination, is_loopback, is_path, scheme_of

HOSTILE = {
    "empty": "",
    "relative": "/account",
    "scheme-relative": "//app.example.test/",
    "three slashes": "///app.example.test/",
    "scheme without slashes": "https:app.example.test",
    "scheme with one slash": "https:/app.example.test/",
    "script": "javascript:alert(1)//app.example.test/",
    "data": "data:text/html,x",
    "another scheme": "ftp://app.example.test/",
    "scheme in capitals": "HTTPS://app.example.test/",
    "plain http": "http://app.example.test/",
    "plain http to a lookalike of this machine": "http://localhost.example.test/",
    "plain http to a number that is no loopback": "http://128.0.0.1/",
    "user": "https://app.example.test@evil.test/",
    "user and password": "https://app.example.test:pw@evil.test/",
    "user behind an encoded at": "https://app.example.test%40evil.test/",
    "backslash for slash": "https://app.example.test\\@evil.test/",
    "backslashes for both": "https:\\\\app.example.test\\",
    "backslash in the path": "https://app.example.test/\\evil.test",
    "slash-slash in the path": "https://app.example.test//evil.test/",
    "host in capitals": "https://APP.example.test/",
    "host with a letter of another script": "https://app.example.t\u0435st/",
    "full-width dot": "https://app.example\uff0etest/",
    "ideographic full stop": "https://app\u3002example.test/",
    "encoded host": "https://app%2Eexample.test/",
    "blank in front": " https://app.example.test/",
    "blank behind": "https://app.example.test/ ",
    "tab inside": "https://app.exa\tmple.test/",
    "line feed behind": "https://app.example.test/\n",
    "header split": "https://app.example.test/\r\nSet-Cookie: a=b",
    "NUL": "https://app.example.test/\0",
    "fragment": "https://app.example.test/#@evil.test",
    "query without a path": "https://app.example.test?@evil.test/",
    "port of letters": "https://app.example.test:x/",
    "port zero": "https://app.example.test:0/",
    "no port behind the colon": "https://app.example.test:/",
    "IPv6 zone": "https://[::1%25evil]/",
    "too long": "https://app.example.test/" + "a" * 2048,
    "quote": 'https://app.example.test/"onload="x',
    "angle brackets": "https://app.example.test/<script>",
    "our own path": "https://app.example.test/.ostiary/sign-out",
}
GOOD = {
    "https://app.example.test": ("https", "app.example.test", "/"),
    "https://app.example.test/": ("https", "app.example.test", "/"),
    "https://app.example.test:8443/a/b?c=d&e=%2F%20": ("https", "app.example.test:8443", "/a/b?c=d&e=%2F%20"),
    "https://app.example.test/@evil.test": ("https", "app.example.test", "/@evil.test"),
    "http://localhost:3000/a": ("http", "localhost:3000", "/a"),
    "http://app.localhost/a": ("http", "app.localhost", "/a"),
    "http://127.0.0.1:3000/a": ("http", "127.0.0.1:3000", "/a"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_addresses(name):
    assert destination(HOSTILE[name]) is None


@pytest.mark.parametrize("text", GOOD)
def test_addresses(text):
    made = destination(text)
    assert (made.scheme, made.host, made.path) == GOOD[text]
    assert made.url.removesuffix("/") == text.removesuffix("/")


@given(st.text(max_size=40), st.sampled_from(["https://", "http://", "//", ""]))
def test_another_reader_finds_the_same_host(text, before):
    made = destination(f"{before}{text}")
    if made is not None:
        read = urlsplit(f"{before}{text}")
        assert (read.scheme, read.netloc, read.username) == (made.scheme, made.host, None)


@pytest.mark.parametrize(
    "path", ["", "a", "//evil.test", "/\\evil.test", "/a b", "/a\n", "/\0", "/é", "/.ostiary/land", "/" * 3000]
)
def test_hostile_paths(path):
    assert not is_path(path)


def test_paths_and_schemes():
    assert is_path("/")
    assert is_path("/a//b?c=https://evil.test")
    assert [scheme_of(host, "http://localhost:8080") for host in ("app.localhost:1", "app.example.test")] == [
        "http",
        "https",
    ]
    assert scheme_of("app.localhost:1", "https://id.example.test") == "https"
    assert not is_loopback("notlocalhost")
    assert not is_loopback("localhost.")
