"""The page of captured letters: for who develops on this machine, and for no page, proxy or service besides."""

from contextlib import closing

import pytest

from ostiary.console.letters import LETTERS, is_development
from ostiary.mail.model import Letter, MailMode
from tests.mail.post import deliver, queue
from tests.sessions.home import Home

TYPED = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-user": "?1"}
SECRET = Letter("ada@example.test", "Your <b>code</b>", "Code: 493021 <i>&</i>\n", "login_code")


@pytest.fixture
def written(home):
    queue(home, SECRET)
    deliver(home)
    return home


def ask(home, path=LETTERS, method="GET", internal=True, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return home.visitor().send(method, path, internal=internal, headers=given)


def test_it_shows_letters_as_text_and_is_kept_by_nobody(written):
    answer = ask(written, **TYPED)
    page = answer.body.decode()
    assert answer.status == 200
    for shown in ("ada@example.test", "Code: 493021 &lt;i&gt;&amp;&lt;/i&gt;", "Your &lt;b&gt;code&lt;/b&gt;"):
        assert shown in page
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-frame-options") == "DENY"
    assert "default-src 'none'" in answer.header("content-security-policy")
    assert "<script" not in page
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert ask(written, style, sec_fetch_site="same-origin", sec_fetch_dest="style").status == 200


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_persons_own_browser_may_open_it(written, site):
    assert ask(written, **TYPED | {"sec-fetch-site": site}).status == 200


@pytest.mark.parametrize(
    "given",
    [
        TYPED | {"sec-fetch-site": "cross-site"},
        TYPED | {"sec-fetch-site": "same-site"},
        TYPED | {"sec-fetch-site": "None"},
        TYPED | {"origin": "http://localhost:8080"},
        {"origin": "null"},
        TYPED | {"host": "evil.test"},
    ],
)
def test_no_other_page_may_open_it(written, given):
    answer = ask(written, **given)
    assert (answer.status, b"493021" in answer.body) == (403, False)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/check", "/dev", "/api/v1/receipts/head"])
def test_nothing_else_of_the_internal_listener_opens_to_browsers(written, path):
    assert ask(written, path, **TYPED).status == 403


def test_it_only_reads(written):
    assert ask(written, method="POST", **TYPED).status == 403
    assert ask(written, method="POST").status == 405
    before = written.receipts()
    ask(written)
    assert written.receipts() == before


def test_it_is_not_on_the_public_listener(written):
    assert ask(written, internal=False).status == 404


@pytest.mark.parametrize(
    "environ",
    [
        {"ORIGIN": "https://id.example.test"},
        {"MAIL_SERVICE_MODE": "rest", "MAIL_SERVICE_BASE_URL": "http://127.0.0.1:9"},
    ],
)
def test_a_server_that_others_use_or_that_sends_mail_has_none(tmp_path, environ):
    with closing(Home(tmp_path, **environ)) as home:
        assert ask(home).status == 404
        assert ask(home, **TYPED).status == 403


def test_what_counts_as_development():
    assert [
        host
        for host in ("localhost", "127.0.0.1", "id.example.test", "localhost.evil.test", "")
        if is_development(MailMode.STUB, host)
    ] == ["localhost", "127.0.0.1"]
    assert not any(is_development(mode, "localhost") for mode in (MailMode.SMTP, MailMode.REST))
