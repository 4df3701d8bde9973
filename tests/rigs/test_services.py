"""The reference services as somebody runs them by hand: what they print is enough to sign in."""

import json
import subprocess
import sys
from contextlib import contextmanager

from tests.flows.browser import Browser
from tests.flows.server import serving
from tests.login.email_code.handset import CONFIRM, SEND, new_key
from tests.rigs.counterparts import free_port


@contextmanager
def by_hand(name):
    """A service in a process of its own, for the block; yields it and the base address that it printed."""
    words = [sys.executable, "-m", f"tests.rigs.{name}", str(free_port())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_somebody_signs_in_by_what_the_mail_service_prints(tmp_path):
    with by_hand("userservice") as (_, people), by_hand("mailservice") as (post, mail):
        settings = {
            "OSTIARY_USER_SERVICE_MODE": "rest",
            "OSTIARY_USER_SERVICE_BASE_URL": people,
            "OSTIARY_MAIL_SERVICE_MODE": "rest",
            "OSTIARY_MAIL_SERVICE_BASE_URL": mail,
        }
        with serving(tmp_path, **settings) as served:
            browser = Browser(served)
            asked = browser.send("POST", SEND, {"email": "pilot@example.com"})
            assert asked.status == 200, asked.body
            line = json.loads(post.stdout.readline())
            challenge = asked.json["challenge_id"]
            assert line == {"key": challenge, "email": "pilot@example.com", "code": line["code"], "locale": "en"}
            body = {"challenge_id": challenge, "code": line["code"], "client_public_key": new_key()}
            assert browser.send("POST", CONFIRM, body).status == 200
            post.kill()
            post.wait()
            lost = browser.send("POST", SEND, {"email": "other@example.com"})
            assert (lost.status, lost.code) == (503, "service_unavailable")
