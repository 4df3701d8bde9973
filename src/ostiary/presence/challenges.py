"""Challenges as signed values: asking costs no row; the first answer records it (ruling 30)."""

import hmac
from collections.abc import Container

import msgspec

from ostiary.kernel.clock import Clock
from ostiary.kernel.ids import Secrets, b64url, timed_id, unb64url
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose as KeyPurpose
from ostiary.presence.model import CHALLENGE_LIFE, Approval, Challenge, Purpose

__all__ = ["Asker"]

_VERSION = "q1"
_LONGEST = 2048


class Asker(msgspec.Struct, frozen=True):
    """Issues challenges and recognises its own. NOTE: wire format `q1.<payload>.<key id>.<MAC>`.

    The MAC (HMAC-SHA256, RFC 2104) covers version, tenant, payload and key id; the nonce is a second HMAC
    over the same input under another label, so it cannot be chosen and need not be stored.
    """

    keyring: Keyring
    clock: Clock
    secrets: Secrets

    def ask(self, scope: Scope, purpose: Purpose, browser: str, method: str = "", subject: str = "") -> Challenge:
        """Make a challenge that only `browser` may answer, within CHALLENGE_LIFE."""
        return self._signed(scope, self._bare(purpose, browser, method, subject))

    def ask_presence(self, scope: Scope, approval: Approval, browser: str, method: str) -> Challenge:
        """Make a challenge whose answer proves presence, and approves exactly this."""
        bare = self._bare(Purpose.PRESENCE, browser, method, approval.subject)
        bound = msgspec.structs.replace(bare, act=approval.purpose, commitment=approval.commitment)
        return self._signed(scope, bound)

    def _bare(self, purpose: Purpose, browser: str, method: str, subject: str) -> Challenge:
        now = self.clock()
        return Challenge(timed_id("la", self.secrets, now), purpose, method, subject, browser, now + CHALLENGE_LIFE)

    def _signed(self, scope: Scope, bare: Challenge) -> Challenge:
        key = self.keyring.active(scope.tenant, KeyPurpose.PRELOGIN)
        payload = b64url(msgspec.json.encode(_fields(bare)))
        covered = f"{_VERSION}.{scope.tenant}.{payload}.{key.id}".encode()
        mac = b64url(_mac(key.secret, b"challenge", covered))
        token = f"{_VERSION}.{payload}.{key.id}.{mac}"
        return msgspec.structs.replace(bare, token=token, nonce=_mac(key.secret, b"nonce", covered))

    def recognise(self, scope: Scope, token: str, purposes: Container[Purpose], browser: str) -> Challenge | Refusal:
        """Return the challenge of a token; refuse a forged or foreign one, and one of another purpose.

        Whether its time has come is asked by the transaction that answers it.
        """
        opened = self._open(scope, token)
        if opened is None:
            return Refusal(Code.LOGIN_ATTEMPT_INVALID, ("challenge_forged",))
        if opened.purpose not in purposes:
            return Refusal(Code.LOGIN_ATTEMPT_INVALID, ("challenge_of_another_purpose",))
        if not browser or not hmac.compare_digest(opened.browser.encode(), browser.encode()):
            return Refusal(Code.LOGIN_ATTEMPT_INVALID, ("challenge_of_another_browser",))
        return opened

    def _open(self, scope: Scope, token: str) -> Challenge | None:
        parts = token.split(".") if len(token) <= _LONGEST and token.isascii() else []
        if len(parts) != 4 or parts[0] != _VERSION:  # noqa: PLR2004 - the four parts of the wire format
            return None
        key = self.keyring.trusted(parts[2])
        if key is None or key.purpose is not KeyPurpose.PRELOGIN or key.tenant != scope.tenant:
            return None
        covered = f"{_VERSION}.{scope.tenant}.{parts[1]}.{parts[2]}".encode()
        try:
            if not hmac.compare_digest(unb64url(parts[3]), _mac(key.secret, b"challenge", covered)):
                return None
            fields = msgspec.json.decode(unb64url(parts[1]), type=_Payload)
        except (ValueError, msgspec.MsgspecError):
            return None
        return Challenge(**msgspec.structs.asdict(fields), token=token, nonce=_mac(key.secret, b"nonce", covered))


class _Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The fields of a challenge, as the payload orders them; the last two stand there for presence only."""

    id: str
    purpose: Purpose
    method: str
    subject: str
    browser: str
    expires_at: int
    act: str = ""
    commitment: str = ""


def _fields(challenge: Challenge) -> tuple[str | int, ...]:
    c = challenge
    fields = (c.id, c.purpose.value, c.method, c.subject, c.browser, c.expires_at)
    return (*fields, c.act, c.commitment) if c.purpose is Purpose.PRESENCE else fields


def _mac(key: bytes, label: bytes, covered: bytes) -> bytes:
    return mac(key, label + b"\0" + covered)
