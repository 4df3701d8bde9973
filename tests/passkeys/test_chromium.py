"""A real browser with its virtual authenticators: what Chromium writes is what the verifier reads."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from playwright.sync_api import sync_playwright

from ostiary.passkeys.webauthn import (
    Asserted,
    AuthenticationResponse,
    Registered,
    RegistrationResponse,
    RelyingParty,
    Stored,
    creation_options,
    credential_hash,
    request_options,
    user_handle,
    verify_assertion,
    verify_registration,
)
from tests.passkeys.ceremonies import CHALLENGE, HANDLE

pytestmark = pytest.mark.chromium

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
CREATE = """async options => (await navigator.credentials.create(
    {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})).toJSON()"""
GET = """async options => (await navigator.credentials.get(
    {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})).toJSON()"""
AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
    "defaultBackupEligibility": True,
    "defaultBackupState": True,
}


class Empty(BaseHTTPRequestHandler):
    """An empty page for every path."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>empty</title>")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def origin():
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, origin):
    with browser.new_context() as context:
        opened = context.new_page()
        opened.goto(origin)
        yield opened


def plug_in(page, transport):
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR | {"transport": transport}})


@pytest.mark.parametrize("transport", ["internal", "usb"])
@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_a_passkey_of_chromium_registers_and_signs_in(page, origin, algorithm, transport):
    plug_in(page, transport)
    rp = RelyingParty("localhost", "Example", frozenset({origin}), algorithms=(algorithm,))
    sent = page.evaluate(CREATE, creation_options(rp, CHALLENGE, HANDLE, "ann@example.test", "Ann"))
    new = verify_registration(rp, CHALLENGE, msgspec.convert(sent, RegistrationResponse))
    assert isinstance(new, Registered)
    assert (new.algorithm, new.transports) == (algorithm, (transport,))
    known = Stored(new.algorithm, new.public_key, new.sign_count, new.backup_eligible, new.backed_up)
    back = msgspec.convert(page.evaluate(GET, request_options(rp, CHALLENGE)), AuthenticationResponse)
    assert verify_assertion(rp, CHALLENGE, known, back) == Asserted(sign_count=2, backed_up=True)
    assert credential_hash(back) == new.credential_hash
    assert user_handle(back) == HANDLE
