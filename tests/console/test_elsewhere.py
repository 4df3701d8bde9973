"""Under a Host that is not the origin's no sign-in could work: pages say where they are, the rest is as it was."""

import re

import pytest

ORIGIN = "http://localhost:8080"
FOREIGN = ["127.0.0.1:8080", "localhost:9090", "evil.test", "evil.test/x?y", "localhost:8080@evil.test", '"><script>']
PERSONAL = [
    "/",
    "/sign-in?reason=idle_timeout",
    "/enrol",
    "/account",
    "/presence?purpose=a.b&return_to=%2F",
    "/signed-out",
]


def get(gatehouse, path, host, **given):
    return gatehouse.visitor().send("GET", path, headers={"host": host, "accept": "text/html"}, **given)


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", PERSONAL)
def test_a_page_says_where_it_is_and_leads_to_the_same_place_there(gatehouse, path, host):
    answer = get(gatehouse, path, host)
    text = answer.body.decode()
    assert (answer.status, answer.header("location")) == (421, None)
    assert "set-cookie" not in answer.headers
    assert f"This server is reached at <strong>{ORIGIN}</strong>" in text
    links = re.findall(r'href="([^"]*)"', text)
    assert [link for link in links if "://" in link] == [ORIGIN + path.replace("&", "&amp;")]
    assert "<form" not in text
    assert host not in text.replace(ORIGIN, "")


@pytest.mark.parametrize("host", ["localhost:8080", "LOCALHOST:8080", "localhost"])
def test_at_home_the_pages_are_shown(gatehouse, host):
    assert [get(gatehouse, path, host).status for path in ("/", "/sign-in", "/enrol")] == [303, 200, 200]


def test_what_a_query_brings_is_shown_as_text(gatehouse):
    text = get(gatehouse, '/account?a="><script>b</script>', "evil.test").body.decode()
    assert "<script>b" not in text


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "evil.test"])
def test_operations_documents_and_files_ask_for_no_host(gatehouse, host):
    person = gatehouse.enrolled()
    assert person.send("GET", "/api/v1/auth/me", headers={"host": host}).status == 200
    assert person.send("POST", "/login/passkey/begin", {}, headers={"host": host}).status == 200
    for path in ("/openapi.json", "/docs/api", "/docs/refusals", "/static/ostiary.css"):
        assert get(gatehouse, path, host).status == 200
    assert get(gatehouse, "/nothing-here", host).status == 404


def test_the_internal_listener_answers_as_before(gatehouse):
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/check", 401)):
        assert get(gatehouse, path, "127.0.0.1:8081", internal=True).status == status
        assert get(gatehouse, path, "evil.test", internal=True).code == "host_refused"
