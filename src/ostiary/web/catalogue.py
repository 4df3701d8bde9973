"""Every refusal's HTTP status, public words, remedy and cause: the only place that joins a code to HTTP."""

from ostiary.kernel.refusals import Code, Refusal
from ostiary.web.device_entries import DEVICE
from ostiary.web.entry import Entry
from ostiary.web.membrane import MEMBRANE
from ostiary.web.operation import MEMBRANE_AUDIENCES, Audience, Operation

__all__ = ["CATALOGUE", "FAULT", "Entry", "cause", "codes_of", "entry_of"]


_AGAIN = "Sign in again."
_RELOAD = "Reload the page and try again."

CATALOGUE: dict[Code, Entry] = {
    Code.REQUEST_MALFORMED: Entry(400, "The request could not be read.", "Compare it with /openapi.json."),
    Code.REQUEST_TOO_LARGE: Entry(413, "The request is too large.", "Send less than 64 KiB."),
    Code.REQUEST_TOO_SLOW: Entry(408, "The request took too long to arrive.", "Send it at once."),
    Code.ROUTE_UNKNOWN: Entry(
        404, "There is nothing at this address.", "Check the address, or begin at the start page."
    ),
    Code.METHOD_NOT_ALLOWED: Entry(405, "This address does not take that method.", "Look at /docs/api."),
    Code.ORIGIN_REFUSED: Entry(403, "The request came from another site.", "Start from a page of this site."),
    Code.HOST_REFUSED: Entry(403, "This listener does not answer for that host.", "Use its configured address."),
    Code.SESSION_MISSING: Entry(401, "Nobody is signed in.", "Sign in first."),
    Code.SESSION_INVALID: Entry(401, "This session is not known.", _AGAIN),
    Code.SESSION_ENDED: Entry(401, "This session was ended.", _AGAIN),
    Code.SESSION_EXPIRED_IDLE: Entry(401, "This session was not used for too long.", _AGAIN),
    Code.SESSION_EXPIRED_ABSOLUTE: Entry(401, "This session reached its longest life.", _AGAIN),
    Code.SESSION_ADDRESS_MISMATCH: Entry(401, "This session belongs to another network address.", _AGAIN),
    Code.SESSION_AGENT_MISMATCH: Entry(401, "This session belongs to another browser.", _AGAIN),
    Code.ADMINISTRATOR_REQUIRED: Entry(403, "Only an administrator may do that.", "Ask an administrator."),
    Code.SESSION_UNKNOWN: Entry(404, "There is no such session.", "List your sessions to see those that live."),
    Code.TOKEN_REUSED: Entry(401, "This token was used up; its family is ended.", "Ask for a new token."),
    Code.CSRF_REFUSED: Entry(
        403, "The CSRF token is missing or wrong.", "Send X-CSRF-Token as /api/v1/auth/me gives it."
    ),
    Code.SERVICE_UNKNOWN: Entry(
        403,
        "No such service is registered.",
        "Leave its name out, as in /check and /check/device, or register it: `ostiary services add NAME`.",
    ),
    Code.SERVICE_MALFORMED: Entry(
        400, "A name, a host, a scope or a fact is malformed.", "See docs/services.md for how each is written."
    ),
    Code.SERVICE_TAKEN: Entry(409, "That name or host is registered already.", "See `ostiary services list` for both."),
    Code.SERVICE_BUILT_IN: Entry(409, "The service `default` is always there as it is.", "Register one of your own."),
    Code.SERVICE_KEY_REFUSED: Entry(
        403, "The key of the service is missing or wrong.", "Send it as Ostiary-Service-Key, once."
    ),
    Code.SCOPE_MISSING: Entry(403, "You may not use this service.", "Ask an operator for the scopes that it requires."),
    Code.SCOPE_NOT_ALLOWED: Entry(
        403, "The person does not hold a scope that was asked for.", "Grant it to the person first, or leave it out."
    ),
    Code.SCOPE_MALFORMED: Entry(400, "That is not a scope.", "Write it as noun.verb, such as reports.read."),
    Code.DISCLOSURE_UNKNOWN: Entry(
        403, "Caller-Disclose names something that is no fact.", "See docs/services.md for the facts that there are."
    ),
    Code.LANDING_REFUSED: Entry(
        403, "This way into the service is used, expired or not meant for this browser.", "Sign in there again."
    ),
    Code.LOGIN_REFUSED: Entry(401, "That did not sign you in.", "Try again, or another way."),
    Code.LOGIN_ATTEMPT_INVALID: Entry(401, "This sign-in was not started in this browser.", _RELOAD),
    Code.LOGIN_ATTEMPT_EXPIRED: Entry(401, "This sign-in took too long.", _RELOAD),
    Code.LOGIN_ATTEMPT_SPENT: Entry(409, "This sign-in has been used already.", _RELOAD),
    Code.LOGIN_ATTEMPTS_EXHAUSTED: Entry(401, "Too many wrong answers to this sign-in.", _RELOAD),
    Code.PASSKEY_REMOVED: Entry(401, "This passkey was removed from the account.", "Use another passkey."),
    Code.PASSKEY_QUARANTINED: Entry(
        403,
        "A recovery of the account has set this passkey aside.",
        "Use the newest passkey, once its recovery is executed; if it was not yours, contest it at /recovery/contest.",
    ),
    Code.PASSKEY_UNKNOWN: Entry(404, "There is no such passkey.", "List your passkeys to see those you have."),
    Code.PASSKEY_REFUSED: Entry(403, "The passkey could not be verified.", "Try again, or use another authenticator."),
    Code.PASSKEY_ALREADY_REGISTERED: Entry(409, "This passkey is registered already.", "Use it to sign in."),
    Code.PASSKEY_LAST_WAY_IN: Entry(409, "This is the last way into the account.", "Add another passkey first."),
    Code.PRESENCE_REQUIRED: Entry(
        401, "This act needs a fresh proof that you are here.", "Prove presence, then repeat it."
    ),
    Code.PRESENCE_REFUSED: Entry(
        403, "The proof of presence is used, stale or for something else.", "Prove presence again."
    ),
    Code.PURPOSE_UNKNOWN: Entry(403, "No such purpose is declared here.", "See `ostiary purposes list`."),
    Code.PURPOSE_TAKEN: Entry(409, "A purpose of that name is declared already.", "See `ostiary purposes list`."),
    Code.PURPOSE_INVALID: Entry(
        400, "That is no purpose: a name is noun.verb, a life one second to five minutes.", "Correct it and try again."
    ),
    Code.RETURN_REFUSED: Entry(
        400, "The link names a place that this server does not send anybody to.", "Go back to where you came from."
    ),
    Code.INVITATION_REFUSED: Entry(403, "This link is used, expired or unknown.", "Ask for a new link."),
    Code.PERSON_UNKNOWN: Entry(404, "There is no such person.", "List the people to see their ids."),
    Code.EMAIL_INVALID: Entry(400, "That is not an e-mail address.", "Check it for a typing error."),
    Code.EMAIL_TAKEN: Entry(409, "Somebody has that e-mail address.", "Use another address."),
    Code.NAME_TOO_LONG: Entry(400, "That name is too long.", "Give one of at most 200 characters."),
    Code.TENANT_MALFORMED: Entry(
        400, "A tenant's name, origin or relying party is malformed.", "See docs/tenants.md for how each is written."
    ),
    Code.TENANT_TAKEN: Entry(409, "A tenant of that name is there already.", "See `ostiary tenants list`."),
    Code.REF_MALFORMED: Entry(
        400, "That is no name.", "Write 1 to 80 of the letters A-Z and a-z, digits, dot, hyphen and underscore."
    ),
    Code.REF_TAKEN: Entry(409, "That name is taken in this tenant.", "Choose another name."),
    Code.CLIENT_KEY_UNKNOWN: Entry(404, "There is no such key of the tenant.", "See `ostiary tenants keys NAME`."),
    Code.AUTH_RATE_LIMIT_THROTTLED: Entry(
        429, "That was tried too often.", "Slow down: wait as long as Retry-After says."
    ),
    Code.AUTH_RATE_LIMIT_LOCKED: Entry(
        429,
        "That was tried far too often; it is closed for a while.",
        "Wait, or prove presence with a passkey, for auth.login.start.",
    ),
    Code.LIMIT_POLICY_UNKNOWN: Entry(404, "There is no such policy of limits.", "See `ostiary limits list`."),
    Code.LIMIT_POLICY_INVALID: Entry(
        400,
        "That is no policy of limits: its numbers are positive, and soft is at most lockout.",
        "See docs/limits.md.",
    ),
    Code.RECEIPT_UNKNOWN: Entry(404, "There is no such receipt.", "List the receipts to see their ids."),
    Code.LETTER_REFUSED: Entry(400, "No letter can be sent to that address.", "Check it for a typing error."),
    Code.LETTER_UNKNOWN: Entry(
        404, "There is no such captured letter.", "List the letters: one that waits is sealed until it is captured."
    ),
    Code.KEY_UNKNOWN: Entry(404, "There is no such key.", "List the keys to see their ids."),
    Code.KEY_NOT_REVOCABLE: Entry(
        409,
        "Keys of that purpose cannot be revoked.",
        "Revoke session, prelogin or receipt keys; see docs/operations.md.",
    ),
    **DEVICE,
    Code.STORE_UNAVAILABLE: Entry(503, "The store cannot answer just now.", "Try again in a moment."),
    **MEMBRANE,
}

FAULT = Entry(500, "Something broke on our side.", "Try again; quote the request id if it stays so.")
"""What is said of a broken contract of ours, which is no refusal and has no code in the catalogue."""

_SERVICES = frozenset({"directory", "mail"})
_ELSEWHERE = Entry(503, "A service that this needs cannot answer just now.", "Try again in a moment.")
"""What is said instead where it is no store that cannot answer: the code is the same, for the same is to be done."""

_CAUSES = {
    Code.SESSION_EXPIRED_IDLE: "idle_timeout",
    Code.SESSION_EXPIRED_ABSOLUTE: "absolute_timeout",
    Code.SESSION_ADDRESS_MISMATCH: "address_mismatch",
    Code.SESSION_AGENT_MISMATCH: "agent_mismatch",
}

_DOOR = (Code.REQUEST_MALFORMED, Code.REQUEST_TOO_LARGE, Code.REQUEST_TOO_SLOW, Code.STORE_UNAVAILABLE)
_SESSION = (
    Code.SESSION_MISSING,
    Code.SESSION_INVALID,
    Code.SESSION_ENDED,
    Code.SESSION_EXPIRED_IDLE,
    Code.SESSION_EXPIRED_ABSOLUTE,
    Code.SESSION_ADDRESS_MISMATCH,
    Code.SESSION_AGENT_MISMATCH,
)


_MEMBRANE = (Code.CROSS_TENANT_ACCESS, Code.TOKEN_TAMPERED)
_DEAD = (Code.SESSION_REVOKED, Code.SESSION_EXPIRED)
_BEARER = {
    Audience.CLIENT: (Code.CALLER_REFUSED,),
    Audience.OPERATOR: (Code.CALLER_REFUSED, Code.SESSION_MISSING),
    Audience.TOKEN: (Code.CALLER_REFUSED, Code.SESSION_MISSING, Code.TOKEN_REUSED, *_DEAD),
    Audience.REGISTRANT: (Code.CALLER_REFUSED, Code.TOKEN_REUSED, *_DEAD),
    Audience.FIXTURE: _DEAD,
}
_WITH_SESSION = frozenset({Audience.SESSION, Audience.LEAVING})


def entry_of(refusal: Refusal) -> Entry:
    """Return what a refusal says in public: nobody is told that the store is at fault where another service is."""
    elsewhere = refusal.code is Code.STORE_UNAVAILABLE and not _SERVICES.isdisjoint(refusal.reasons)
    return _ELSEWHERE if elsewhere else CATALOGUE[refusal.code]


def codes_of(operation: Operation) -> list[Code]:
    """Return every code that an operation can answer, the door's included, sorted."""
    codes = {*operation.refusals, *_DOOR}
    if operation.audience is Audience.SESSION:
        codes.update(_SESSION)
    if operation.audience in MEMBRANE_AUDIENCES:
        codes.update(_MEMBRANE)
        codes.update(_BEARER[operation.audience])
    if operation.unsafe:
        codes.add(Code.ORIGIN_REFUSED)
        codes.update((Code.CSRF_REFUSED,) if operation.audience in _WITH_SESSION else ())
    return sorted(codes)


def cause(refusal: Refusal) -> str:
    """Return the machine word that says why a session is not alive."""
    if refusal.code is Code.SESSION_ENDED:
        return refusal.reasons[0] if refusal.reasons else "ended"
    return _CAUSES.get(refusal.code, "invalid_token")
