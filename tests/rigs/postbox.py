"""A real SMTP server on this machine that keeps what it is given: STARTTLS or TLS, sign-in, and bad days on demand."""

import email
import email.policy
import ssl
import threading
import warnings
from contextlib import contextmanager

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.rigs.counterparts import free_port
from tests.rigs.tls import authority

USER, PASSWORD = "ostiary", "correct-horse-battery-staple"
PATIENCE_S = 20


class Postbox:
    """What came: `letters` are parsed, `raw` is as it came. `answers` are given to RCPT in turn, then 250.

    While `holding` is set, what has been sent is not acknowledged, and with `parting` QUIT is not answered; `reached` is set once somebody waits for that.
    """

    def __init__(self, port, root=None):
        self.port, self.root = port, root
        self.letters, self.raw, self.envelopes, self.answers, self.names = [], [], [], [], []
        self.parting, self.holding, self.reached, self.let_go = False, False, threading.Event(), threading.Event()

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        session.host_name = hostname
        self.names.append(hostname)
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.holding:
            self.reached.set()
            await server.loop.run_in_executor(None, self.let_go.wait, PATIENCE_S)
            return "451 4.3.0 never mind"
        self.raw.append(envelope.content)
        self.envelopes.append(
            (envelope.mail_from, tuple(envelope.rcpt_tos), server.transport.get_extra_info("ssl_object") is not None)
        )
        self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 queued"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.parting:
            await server.loop.run_in_executor(None, self.let_go.wait, PATIENCE_S)
        return "221 Bye"

    def settings(self, folder, **more):
        """The settings of a server that sends by this one, without their prefix."""
        password = folder / "smtp.password"
        password.write_text(PASSWORD + "\n")
        return {
            "MAIL_SERVICE_MODE": "smtp",
            "MAIL_FROM": "Ostiary <id@ostiary.example.test>",
            "MAIL_SMTP_ADDR": f"localhost:{self.port}",
            "MAIL_SMTP_CA_FILE": str(self.root),
            "MAIL_SMTP_USER": USER,
            "MAIL_SMTP_PASSWORD_FILE": str(password),
        } | more


def _known(server, session, envelope, mechanism, given):
    good = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@contextmanager
def postbox(folder, *, encryption="starttls", port=0, signed_in=True):
    """Run one for the block, with an authority of its own in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    root, certificate, key = authority(folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Postbox(port or free_port(), root)
    tls = {
        "starttls": {"tls_context": context, "require_starttls": True},
        "tls": {"ssl_context": context},
        "none": {},
    }[encryption]
    sign_in = {"auth_required": True, "authenticator": _known, "auth_require_tls": encryption == "starttls"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that auth without TLS is a bad idea
        controller = Controller(
            made,
            hostname="127.0.0.1",
            port=made.port,
            server_hostname="localhost",
            enable_SMTPUTF8=True,
            **tls,
            **(sign_in if signed_in else {}),
        )
        controller.start()
        try:
            yield made
        finally:
            made.let_go.set()
            controller.stop(no_assert=True)
