"""The story: seven acts, each a handful of claims that are tried for real."""

import statistics
from collections.abc import Callable
from string import ascii_lowercase, ascii_uppercase, digits

import msgspec

from ostiary.cli.demo.browser import Answer, Browser, new_passkey, phished
from ostiary.cli.demo.evidence import holds
from ostiary.cli.demo.server import Server
from ostiary.cli.demo.stage import Stage
from ostiary.kernel.clock import Clock
from ostiary.web.cookies import SESSION

__all__ = ["ACTS", "Cast"]

_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
_EVIL = "https://evil.example"
_CHECKS = 200
_LETTERS = ascii_uppercase + ascii_lowercase + digits + "-_"
_ALL = "100000"
_NO_CONTENT, _UNAUTHORIZED = 204, 401
_REFERENCE = 32


class Cast(msgspec.Struct):
    """Who plays: the stage, the server, a first browser and a second one of the same person."""

    stage: Stage
    clock: Clock
    server: Server
    first: Browser
    second: Browser
    receipts: list[str]

    @classmethod
    def on(cls, stage: Stage, clock: Clock, server: Server) -> "Cast":
        """Put everybody in place; one passkey, which both browsers can reach."""
        passkey = new_passkey(server.ports[0])
        first, second = (Browser(server.ports, agent, passkey) for agent in (_FIREFOX, _CHROME))
        return cls(stage, clock, server, first, second, [])

    def refused(self, says: str, answer: Answer, *wanted: int) -> None:
        """Claim that a try ended with one of these statuses."""
        self.stage.claim(says, answer.brief, holds=answer.status in wanted)

    admitted = refused


def a_server_of_its_own(cast: Cast) -> None:
    """Start the server."""
    cast.stage.act(
        "A server of its own",
        "It starts on an empty folder: a key-encryption key outside the data, a database, one key for each purpose, "
        "a tenant in fixture mode. Nothing of yours is touched.",
    )
    made = cast.server.command("init")[0]
    cast.stage.claim("the key lies outside the data folder", "mode 0600", holds=made["kek_made"])
    began = cast.clock()
    cast.server.start()
    took = (cast.clock() - began) // 1000
    cast.stage.claim(
        "both listeners are bound", f"ready after {took} ms", holds=cast.first.check().status == _UNAUTHORIZED
    )


def a_person_comes_in(cast: Cast) -> None:
    """Link, passkey, session, check."""
    cast.stage.act(
        "A person comes in",
        "A one-time link and a passkey make the first administrator. The session is a signed cookie; a service asks on "
        "every request whether it is alive, and learns no name.",
    )
    first = cast.first
    cast.refused("nobody is signed in before", first.check(), 401)
    cast.admitted("the link and a new passkey open a session", first.enrol(cast.server.token), 200)
    me = first.send("GET", "/api/v1/auth/me")
    cast.stage.claim(
        "the account says who it is", ", ".join(me.json["roles"]), holds=me.json["roles"] == ["administrator"]
    )
    checked = first.check()
    cast.admitted("the check admits the session", checked, 200)
    reference = checked.headers["ostiary-caller"]
    cast.stage.claim(
        "the service sees a reference, not a person", f"{reference[:12]}...", holds=len(reference) == _REFERENCE
    )
    took = first.checks(_CHECKS, cast.clock)
    pace = f"median {statistics.median(took) / 1000:.2f} ms"
    cast.stage.claim(f"and asks {_CHECKS} times more, over loopback", pace, holds=len(took) == _CHECKS)


def hostile_tries(cast: Cast) -> None:
    """Everything that a thief, a phisher or another site would try first."""
    cast.stage.act(
        "Hostile tries",
        "A copied answer, a bent cookie, a look-alike page, a foreign site: each is refused, and whatever was more "
        "than a check leaves a signed receipt.",
    )
    first, second = cast.first, cast.second
    cast.refused("the one-time link a second time", second.enrol(cast.server.token), 403)
    begun = first.begin()
    signed, twin = first.passkey.get(begun["options"]), first.twin()
    cast.refused("an answer carried into another browser", second.finish(begun, signed), 401)
    cast.admitted("the same answer where it belongs", first.finish(begun, signed), 200)
    cast.refused("replayed, with every cookie copied", twin.finish(begun, signed), 409)
    begun = second.begin()
    cast.refused(
        "a passkey used on a look-alike page",
        second.finish(begun, phished(first.passkey, begun["options"], _EVIL)),
        401,
    )
    cast.refused("the cookie with one bit flipped", first.check(session=_bent(first.cookies[SESSION])), 401)
    cast.refused("a request from another site", first.send("POST", "/auth/logout", origin=_EVIL), 403)
    cast.refused("a request without the CSRF token", first.send("POST", "/auth/logout", x_csrf_token=""), 403)
    cast.admitted("and the session has not suffered", first.check(), 200)


def two_browsers(cast: Cast) -> None:
    """End the first browser's session from a second one, then from the command line."""
    cast.stage.act(
        "Two browsers, one of them lost",
        "Anybody may see and end their own sessions. Once the end is acknowledged, no check that is sent afterwards is "
        "accepted: not a cache, not another process may say otherwise.",
    )
    first, second = cast.first, cast.second
    cast.admitted("the person signs in from a second browser", second.sign_in(), 200)
    seen = [one["label"].split()[0] for one in second.send("GET", "/api/v1/auth/sessions").json["sessions"]]
    both = " and ".join(sorted(set(seen)))
    cast.stage.claim("it sees every session of the person", f"{len(seen)}, {both}", holds=both == "Chrome and Firefox")
    cast.admitted("the first one is alive, and in the cache", first.check(), 200)
    _end(
        cast,
        "the second ends the first",
        lambda: second.send("DELETE", f"/api/v1/auth/sessions/{first.session}").status,
    )
    cast.admitted("the first signs in once more", first.sign_in(), 200)
    cast.admitted("alive, and in the cache", first.check(), 200)
    _end(
        cast,
        "an operator ends it, from another process",
        lambda: len(cast.server.command("sessions", "revoke", first.session)),
    )


def ways_in(cast: Cast) -> None:
    """Adding and removing a passkey asks for presence; the last one stays."""
    cast.stage.act(
        "Ways in",
        "A session alone cannot change how its person signs in: adding or removing a passkey asks for a fresh proof of "
        "presence, and the last way in cannot be removed at all.",
    )
    second = cast.second
    only = second.send("GET", "/api/v1/auth/passkeys").json["passkeys"][0]["id"]
    path = f"/api/v1/auth/passkeys/{only}"
    proof = second.presence("passkey.remove", only)
    cast.refused(
        "removing the only passkey, even with presence", second.send("DELETE", path, ostiary_presence=proof), 409
    )
    spare = new_passkey(cast.server.ports[0])
    cast.refused("adding a passkey without presence", second.add_passkey(spare, ""), 401, 403)
    cast.admitted("with presence it is added", second.add_passkey(spare, second.presence("passkey.add")), 201)
    cast.refused("removing one without presence", second.send("DELETE", path), 401, 403)
    proof = second.presence("passkey.remove", only)
    cast.admitted("with presence it is removed", second.send("DELETE", path, ostiary_presence=proof), 204)
    cast.refused("and signs nobody in any more", cast.first.sign_in(), 401)
    cast.first.passkey = second.passkey = spare
    cast.admitted("the other one does", cast.first.sign_in(), 200)


def the_log(cast: Cast) -> None:
    """Read the receipts."""
    cast.stage.act(
        "The log",
        "Every change and every refusal above was written in the same transaction as the act, and signed. A line that "
        "was altered no longer holds.",
    )
    found = cast.server.command("receipts", "list", "--most", _ALL)
    public = {key["id"]: key["public"] for key in cast.server.command("keys", "list")}
    cast.receipts[:] = [receipt["id"] for receipt in found]
    good = sum(holds(receipt, public) for receipt in found)
    cast.stage.claim("every signature holds", f"{good} of {len(found)} receipts", holds=good == len(found) > 0)
    refused = [receipt for receipt in found if receipt["outcome"] == "refused"]
    cast.stage.claim("the hostile tries are among them", f"{len(refused)} refusals", holds=len(refused) >= 8)  # noqa: PLR2004 - acts 3 and 5
    for receipt in reversed(refused[-3:]):
        cast.stage.note(f"{receipt['at'][11:19]}  {receipt['operation']:20} {' '.join(receipt['reasons'])}")
    forged = [holds(receipt | {"actor": "somebody else"}, public) for receipt in found]
    cast.stage.claim("with one word changed, none does", f"{sum(forged)} of {len(forged)}", holds=not any(forged))


def the_power_cut(cast: Cast) -> None:
    """Kill the server and start it again."""
    cast.stage.act(
        "A power cut",
        "The server is killed right after it has acknowledged an end, and started again. What was acknowledged is "
        "durable: sessions, ends and receipts are all there.",
    )
    first, second = cast.first, cast.second
    lost = first.session
    ended = second.send("DELETE", f"/api/v1/auth/sessions/{lost}").status
    cast.server.kill()
    cast.stage.claim("an end is acknowledged, then the power goes", f"{ended}, SIGKILL", holds=ended == _NO_CONTENT)
    cast.server.start()
    cast.admitted("the session that lived still lives", second.check(), 200)
    cast.refused("the one that was ended stays ended", first.check(), 401)
    found = {receipt["id"]: receipt for receipt in cast.server.command("receipts", "list", "--most", _ALL)}
    kept = sum(receipt in found for receipt in cast.receipts)
    cast.stage.claim(
        "every receipt is still there", f"{kept} of {len(cast.receipts)}", holds=kept == len(cast.receipts)
    )
    last = [one for one in found.values() if (one["subject"], one["operation"]) == (lost, "session.end")]
    cast.stage.claim("with the receipt of that last end", "".join(one["id"] for one in last), holds=len(last) == 1)


def _end(cast: Cast, says: str, act: Callable[[], object]) -> None:
    """End the first browser's session somehow, and check it at once."""
    act()
    told = cast.clock()
    answer = cast.first.check()
    late = cast.clock() - told
    cast.stage.claim(says, f"{answer.status}, {late / 1000:.1f} ms later", holds=answer.status == _UNAUTHORIZED)


def _bent(cookie: str) -> str:
    """Flip the lowest bit of one letter in the middle of the signature."""
    head, _, signature = cookie.rpartition(".")
    middle = len(signature) // 2
    place = _LETTERS.index(signature[middle])
    return f"{head}.{signature[:middle]}{_LETTERS[place ^ 1]}{signature[middle + 1 :]}"


ACTS: tuple[Callable[[Cast], None], ...] = (
    a_server_of_its_own,
    a_person_comes_in,
    hostile_tries,
    two_browsers,
    ways_in,
    the_log,
    the_power_cut,
)
"""In the order of the play."""
