"""Settings of mail: each has an effect, and what contradicts itself stops the start."""

import time
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from ostiary import app
from ostiary.house import open_house
from ostiary.kernel.errors import BootRefused, SettingsError
from ostiary.mail import service as mail
from ostiary.settings import read_settings
from tests.flows.server import Served
from tests.mail.post import NOTICE, captured, deliver, queue, waiting
from tests.mail.test_rest import service
from tests.rigs.postbox import PASSWORD, USER, postbox
from tests.sessions.home import OPERATOR

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")
PATIENCE_S = 20


def read(folder, **environ):
    return read_settings({f"OSTIARY_{name}": value for name, value in environ.items()}, folder)


def test_letters_leave_as_the_mode_says(homes, tmp_path):
    home = homes()
    queue(home)
    deliver(home)
    assert len(captured(home)) == 1
    with postbox(tmp_path / "box", encryption="none", signed_in=False) as box, service() as (url, came):
        home.restart(
            MAIL_SERVICE_MODE="smtp",
            MAIL_SMTP_ADDR=f"127.0.0.1:{box.port}",
            MAIL_SMTP_TLS="none",
            MAIL_FROM="id@example.test",
        )
        queue(home)
        deliver(home)
        assert len(box.letters) == 1
        home.environ.clear()
        home.restart(MAIL_SERVICE_MODE="rest", MAIL_SERVICE_BASE_URL=url)
        queue(home)
        deliver(home)
        assert len(came) == 1
    assert len(captured(home)) == 1


def test_the_mail_service_is_asked_at_its_address_with_its_token(homes, tmp_path):
    (tmp_path / "token").write_text("the-token\n")
    with service() as (url, came):
        home = homes(MAIL_SERVICE_MODE="rest", MAIL_SERVICE_BASE_URL=url)
        queue(home)
        deliver(home)
        home.restart(MAIL_SERVICE_TOKEN_FILE=str(tmp_path / "token"))
        queue(home)
        deliver(home)
    assert [headers.get("authorization") for _, headers, _ in came] == [None, "Bearer the-token"]


def test_letters_come_from_who_is_named(homes, tmp_path):
    with postbox(tmp_path / "box") as box:
        home = homes(**box.settings(tmp_path, MAIL_FROM='"Häuser, Inc." <door@houses.example.test>'))
        queue(home)
        deliver(home)
    (letter,) = box.letters
    assert letter["from"].addresses[0].display_name == "Häuser, Inc."
    assert letter["from"].addresses[0].addr_spec == "door@houses.example.test"
    assert letter["message-id"].endswith("@houses.example.test>")
    assert box.envelopes[0][0] == "door@houses.example.test"


def test_without_the_authority_the_server_is_not_believed(homes, tmp_path):
    with postbox(tmp_path / "box") as box:
        given = box.settings(tmp_path)
        authority = given.pop("MAIL_SMTP_CA_FILE")
        home = homes(**given)
        queue(home)
        with capture_logs() as logs:
            deliver(home)
        assert [line["why"] for line in logs] == ["tls"]
        home.restart(MAIL_SMTP_CA_FILE=authority)
        home.clock.turn(60_000_000)
        deliver(home)
        assert len(box.letters) == 1


def test_a_server_that_wants_a_sign_in_gets_user_and_password(homes, tmp_path):
    with postbox(tmp_path / "box") as box:
        given = box.settings(tmp_path)
        del given["MAIL_SMTP_USER"], given["MAIL_SMTP_PASSWORD_FILE"]
        home = homes(**given)
        queue(home)
        with capture_logs() as logs:
            deliver(home)
        assert [line["why"] for line in logs] == ["smtp_530"]
        assert len(waiting(home)) == 1, "the setting is wrong, not the letter"
        (tmp_path / "password").write_text(PASSWORD)
        home.restart(MAIL_SMTP_USER=USER, MAIL_SMTP_PASSWORD_FILE=str(tmp_path / "password"))
        home.clock.turn(60_000_000)
        deliver(home)
        assert len(box.letters) == 1


SMTP = {"MAIL_SERVICE_MODE": "smtp", "MAIL_SMTP_ADDR": "smtp.example.test:587", "MAIL_FROM": "id@example.test"}
REST = {"MAIL_SERVICE_MODE": "rest", "MAIL_SERVICE_BASE_URL": "https://mail.example.test"}


def test_settings_that_agree_are_taken(tmp_path):
    assert read(tmp_path, **SMTP).mail.smtp_addr == ("smtp.example.test", 587)
    assert read(tmp_path, **SMTP | {"MAIL_SMTP_ADDR": "[::1]:25", "MAIL_SMTP_TLS": "none"}).mail.smtp_addr == (
        "::1",
        25,
    )
    assert read(tmp_path, **SMTP | {"MAIL_SMTP_ADDR": "localhost:25", "MAIL_SMTP_TLS": "none"}).mail.smtp_tls == "none"
    assert read(tmp_path, **REST).mail.base_url == "https://mail.example.test"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"MAIL_SERVICE_MODE": "smtp"}, "set OSTIARY_MAIL_SMTP_ADDR too"),
        ({"MAIL_SERVICE_MODE": "smtp", "MAIL_SMTP_ADDR": "a.test:25"}, "set OSTIARY_MAIL_FROM too"),
        ({"MAIL_SERVICE_MODE": "rest"}, "set OSTIARY_MAIL_SERVICE_BASE_URL too"),
        ({"MAIL_SERVICE_MODE": "post"}, "stub, smtp or rest is expected"),
        ({"MAIL_SMTP_ADDR": "a.test:25"}, "set OSTIARY_MAIL_SERVICE_MODE to smtp"),
        (REST | {"MAIL_SMTP_CA_FILE": "ca.pem"}, "set OSTIARY_MAIL_SERVICE_MODE to smtp"),
        ({"MAIL_SERVICE_TOKEN_FILE": "token"}, "set OSTIARY_MAIL_SERVICE_MODE to rest"),
        (SMTP | {"MAIL_SERVICE_BASE_URL": "https://mail.example.test"}, "set OSTIARY_MAIL_SERVICE_MODE to rest"),
        (SMTP | {"MAIL_SMTP_USER": "ostiary"}, "belong together"),
        (SMTP | {"MAIL_SMTP_PASSWORD_FILE": "password"}, "belong together"),
        (SMTP | {"MAIL_SMTP_TLS": "none"}, "use starttls or tls"),
        (SMTP | {"MAIL_SMTP_ADDR": "192.0.2.1:25", "MAIL_SMTP_TLS": "none"}, "use starttls or tls"),
        (SMTP | {"MAIL_SMTP_ADDR": "localhost.example.test:25", "MAIL_SMTP_TLS": "none"}, "use starttls or tls"),
        (SMTP | {"MAIL_SMTP_TLS": "ssl"}, "starttls, tls or none is expected"),
        (SMTP | {"MAIL_SERVICE_REQUEST_TIMEOUT": "2m"}, "longer than 1m"),
        (REST | {"MAIL_SERVICE_BASE_URL": "http://mail.example.test"}, "https address is expected"),
        *((REST | {"MAIL_SERVICE_BASE_URL": f"https://{who}@mail.example.test"}, "https address is expected") for who in ("u:p", "u", ":p", "")),
        *((REST | {"MAIL_SERVICE_BASE_URL": f"https://mail.example.test{odd}"}, "without query or fragment") for odd in ("?a=b", "/#a", "/a b", "/\r\nx", "/ü", ":0")),
        (REST | {"MAIL_SERVICE_BASE_URL": "https://mail.example.test:99999"}, "Port"),
        *((SMTP | {"MAIL_SMTP_ADDR": odd}, "a host and a port are expected") for odd in ("a.test", ":25", "a.test:0", "a b:1", "u@a:25", "[a]:25", "a\r\nb:25")),
        *((SMTP | {"MAIL_FROM": odd}, "an address is expected") for odd in ("ada", "a@b\r\nBcc: c@d", "<>", "a@b, c@d", "ü@b.test")),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_or_do_nothing_stop_the_start(tmp_path, given, says):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, **given)
    assert says in str(caught.value)


def test_a_password_that_cannot_be_read_stops_the_start(tmp_path, homes):
    home = homes()
    home.environ |= SMTP | {"MAIL_SMTP_USER": "ostiary", "MAIL_SMTP_PASSWORD_FILE": str(tmp_path / "none")}
    with closing(open_house(home.settings)) as house, pytest.raises(BootRefused, match="cannot read the secret in"):
        app.build(house)


def test_a_served_ostiary_sends_beside_the_requests_and_once_with_several_workers(tmp_path):
    """Ten letters, two worker processes, one real SMTP server: each comes once, and what is left holds none of them."""
    with postbox(tmp_path / "box") as box:
        served = Served(tmp_path, {f"OSTIARY_{name}": value for name, value in box.settings(tmp_path).items()})
        served.cli("init")
        served.start("--workers", "2")
        try:
            told = written_and_gone(served, 10)
        finally:
            served.stop()
        assert len(box.letters) == len({one["message-id"] for one in box.letters}) == 10
        assert told.count("mail.deliver") == 10
        left = served.stderr().encode() + b"".join(one.read_bytes() for one in (tmp_path / "data").iterdir())
        for secret in (PASSWORD, "ada@", "passkey was added"):
            assert secret.encode() not in left


def written_and_gone(served, count):
    """Queue letters beside a running server and wait until none waits; return the operations of its receipts."""
    with closing(open_house(read_settings(served.environ, served.folder))) as house:
        for _ in range(count):
            house.vault.transact_now(house.scope, lambda tx: mail.queue(tx, house.keyring, OPERATOR, NOTICE))
    deadline = time.monotonic() + PATIENCE_S
    while served.json("mail", "list") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert served.json("mail", "list") == []
    return [row["operation"] for row in served.json("receipts", "list")]
