"""Nobody is sent to a host that nobody vouches for, however it is spelled."""

import asyncio

import pytest

from ostiary.console.returns import Returns

ORIGIN = "https://id.example.test"
RETURNS = Returns(ORIGIN)
HOSTS = ("https://app.example.test/", "http://localhost:3000/")


async def vouched(address):
    return address.startswith(HOSTS)


VOUCHED = Returns(ORIGIN, vouched)


def place(returns, asked):
    return asyncio.run(returns.place(asked))


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a?b=c&d=%2F", "/a//b", "/.//evil.test", "/@evil.test", "/a:b@c", "/'\"<"]
)
def test_a_path_is_a_place_of_this_host(path):
    assert place(RETURNS, path) == ORIGIN + path
    assert place(RETURNS, ORIGIN + path) == ORIGIN + path


def test_the_bare_origin_is_its_first_page():
    assert place(RETURNS, ORIGIN) == ORIGIN + "/"


FORGED = [
    "",
    "a",
    "account",
    "//evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "\t//evil.test",
    "/\n/evil.test",
    " /a",
    "/a b",
    "/a\\b",
    "/a\0",
    "/é",
    "/a#b",
    "/#presence=hp-forged",
    "javascript:alert(1)",
    "data:text/html,x",
    "https:evil.test",
    "https:/evil.test",
    "https:///evil.test",
    "https://evil.test",
    "https://evil.test/",
    "https://id.example.test.evil.test/",
    "https://id.example.test@evil.test/",
    "https://id.example.test:443@evil.test/",
    "https://id.example.test\\@evil.test/",
    "https://id.example.test:8443/",
    "https://id.example.test//\\",
    "https://ID.example.test/",
    "http://id.example.test/",
    "https://id.example.test?x",
    "https://app.example.test/",
    "/" + "a" * 2048,
]


@pytest.mark.parametrize("asked", FORGED)
def test_everything_else_is_nowhere(asked):
    assert place(RETURNS, asked) is None


def test_another_host_is_a_place_where_somebody_vouches_for_it():
    assert place(VOUCHED, "https://app.example.test/bills?id=7") == "https://app.example.test/bills?id=7"
    assert place(VOUCHED, "http://localhost:3000") == "http://localhost:3000/"
    for asked in (
        "http://app.example.test/",
        "https://app.example.test:444/",
        "https://app.example.test/a#b",
        "https://app.example.test//evil",
        "https://app.example.test.evil.test/",
        "https://u@app.example.test/",
    ):
        assert place(VOUCHED, asked) is None
