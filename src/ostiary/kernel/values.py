"""The values that every shelf speaks: Scope, Caller, Proof and Event."""

from enum import StrEnum

import msgspec

__all__ = [
    "ANONYMOUS",
    "SYSTEM",
    "Caller",
    "Event",
    "EventName",
    "Factor",
    "Mode",
    "Outcome",
    "Proof",
    "Scope",
]


class Mode(StrEnum):
    """A tenant's mode: the same code runs in both; no live gate accepts fixture records."""

    LIVE = "live"
    FIXTURE = "fixture"


class Scope(msgspec.Struct, frozen=True):
    """The isolated world that a use case acts in."""

    tenant: str = "default"
    mode: Mode = Mode.LIVE


class Caller(msgspec.Struct, frozen=True):
    """Who stands at the door: the authenticated peer of one crossing.

    `actor` is a person id, `operator:<name>` at the command line, or ANONYMOUS. `session` is the
    session that was presented and proved, or "". `digest` is the keyed request digest (hex) without
    the fields that the operation declares secret. `address` and `agent` are keyed hashes (hex) or "".
    """

    actor: str = "anonymous"
    session: str = ""
    digest: str = ""
    request_id: str = ""
    address: str = ""
    agent: str = ""


ANONYMOUS = Caller()
SYSTEM = Caller(actor="system")


class Factor(StrEnum):
    """How somebody proved to be there."""

    PASSKEY = "passkey"
    INVITATION = "invitation"
    EMAIL_CODE = "email_code"
    OIDC = "oidc"
    BREAK_GLASS = "break_glass"


class Proof(msgspec.Struct, frozen=True):
    """What a login method yields: who, by which factor, when; never a session.

    `at` is in microseconds since 1970. `attempt` is the login attempt that yielded it: a session is
    opened at most once per attempt. `binding` names the passkey (or other credential) that was used.
    """

    person: str
    factor: Factor
    at: int
    attempt: str
    binding: str = ""
    user_verified: bool = False


class Outcome(StrEnum):
    """How a crossing ended."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    VERIFIED = "verified"


class EventName(StrEnum):
    """Every change and every act that can be refused, as `noun.verb`. Names are wire format."""

    TENANT_CREATE = "tenant.create"
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
    KEY_REWRAP = "key.rewrap"
    PERSON_CREATE = "person.create"
    PERSON_CHANGE = "person.change"
    DEVICE_ADD = "device.add"
    STANDING_ADD = "standing.add"
    CLIENT_ADD = "client.add"
    CLIENT_REMOVE = "client.remove"
    ROLE_GRANT = "role.grant"
    SCOPE_GRANT = "scope.grant"
    SCOPE_WITHDRAW = "scope.withdraw"
    SERVICE_ADD = "service.add"
    SERVICE_CHANGE = "service.change"
    SERVICE_ROTATE = "service.rotate"
    SERVICE_REMOVE = "service.remove"
    SERVICE_ENTER = "service.enter"
    SERVICE_COLLECT = "service.collect"
    INVITATION_CREATE = "invitation.create"
    INVITATION_ACCEPT = "invitation.accept"
    PASSKEY_ADD = "passkey.add"
    PASSKEY_RENAME = "passkey.rename"
    PASSKEY_REMOVE = "passkey.remove"
    PASSKEY_IMPORT = "passkey.import"
    LOGIN_BEGIN = "login.begin"
    LOGIN_START = "login.start"
    LOGIN_ASK = "login.ask"
    LOGIN_FINISH = "login.finish"
    CHALLENGE_ISSUE = "challenge.issue"
    PRESENCE_PROVE = "presence.prove"
    PRESENCE_CONSUME = "presence.consume"
    PURPOSE_ADD = "purpose.add"
    PURPOSE_REMOVE = "purpose.remove"
    RECOVERY_SET = "recovery.set"
    RECOVERY_SEND = "recovery.send"
    RECOVERY_CONFIRM = "recovery.confirm"
    RECOVERY_CANCEL = "recovery.cancel"
    RECOVERY_EXECUTE = "recovery.execute"
    RECOVERY_CONTEST = "recovery.contest"
    RECOVERY_CODES = "recovery.codes"
    RECOVERY_COLLECT = "recovery.collect"
    MAIL_QUEUE = "mail.queue"
    MAIL_DELIVER = "mail.deliver"
    MAIL_DROP = "mail.drop"
    MAIL_COLLECT = "mail.collect"
    SESSION_OPEN = "session.open"
    SESSION_LIST = "session.list"
    SESSION_INSPECT = "session.inspect"
    SESSION_EXCHANGE = "session.exchange"
    SESSION_END = "session.end"
    SESSION_END_OTHERS = "session.end_others"
    SESSION_LOGOUT = "session.logout"
    SESSION_REFRESH = "session.refresh"
    SESSION_COLLECT = "session.collect"
    CHALLENGE_COLLECT = "challenge.collect"
    MEMBRANE_COLLECT = "membrane.collect"
    INVITATION_COLLECT = "invitation.collect"
    LIMIT_EVALUATE = "limit.evaluate"
    LIMIT_SET = "limit.set"
    LIMIT_REMOVE = "limit.remove"
    LIMIT_COLLECT = "limit.collect"
    KEY_COLLECT = "key.collect"
    CODE_SEND = "code.send"
    CODE_CONFIRM = "code.confirm"
    CODE_COLLECT = "code.collect"
    PERSON_BLOCK = "person.block"
    PERSON_UNBLOCK = "person.unblock"
    TENANT_CHANGE = "tenant.change"
    ACCOUNT_READ = "account.read"


class Event(msgspec.Struct, frozen=True):
    """One change or refusal, handed to the log inside the transaction that it describes.

    `link` is the id of an earlier receipt that this one completes, or "".
    """

    name: EventName
    caller: Caller
    subject: str
    outcome: Outcome = Outcome.ADMITTED
    reasons: tuple[str, ...] = ()
    link: str = ""
