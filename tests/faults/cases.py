"""Every use case that changes something, as a table: what must be there, the act, and the receipts of its success.

Operations over HTTP come from the table that the receipts are tested with; the commands' use cases, what runs beside
the requests, and the two routes that are no operations follow here.
"""

import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from ostiary.access import clients, standings
from ostiary.access import service as access
from ostiary.enrolment import service as enrolment
from ostiary.gateway import landing
from ostiary.identities import devices, people
from ostiary.identities import service as identities
from ostiary.identities.model import Tenant
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import ANONYMOUS, Caller, EventName, Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer, make_kek, read_kek
from ostiary.limits import service as limits
from ostiary.limits.model import Knock, Policy
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking
from ostiary.login.methods.email_code.model import Flow
from ostiary.mail import service as mail
from ostiary.mail.model import Letter, Sent, Verdict
from ostiary.mail.store import Turn
from ostiary.membrane import upkeep as membrane
from ostiary.passkeys import bindings
from ostiary.passkeys import service as passkeys
from ostiary.passkeys.ceremony import Registered, RelyingParty
from ostiary.presence import purposes
from ostiary.presence import service as presence
from ostiary.presence.model import PurposeRule
from ostiary.receipts.sequencer import drain
from ostiary.recovery import contacts as recovery_contacts
from ostiary.recovery import model as recovery
from ostiary.recovery import policies as recovery_policies
from ostiary.recovery import runs as recovery_runs
from ostiary.recovery import upkeep as recovery_upkeep
from ostiary.recovery.model import plain_code
from ostiary.recovery.printed import service as printed
from ostiary.services import service as services
from ostiary.services.model import Registration
from ostiary.sessions import bearer, seeded
from ostiary.sessions import service as sessions
from ostiary.sessions.device import service as device_sessions
from ostiary.sessions.device.model import Act, Actor
from ostiary.sessions.model import EndReason
from ostiary.sessions.revocation import revoke_key
from ostiary.storage import outbox
from ostiary_client.authenticator import SoftPasskey
from tests.faults.crossings import CROSSINGS, grown_old
from tests.gateway.test_presence import consume
from tests.gateway.walk import Walk
from tests.receipts.test_every_operation import SUCCESS
from tests.sessions.blocked import barred, freed
from tests.sessions.home import HOUR, OPERATOR

__all__ = ["CASES", "READS", "REFUSALS_ONLY", "Case"]

_FAR = 40 * 24 * HOUR


class Case(NamedTuple):
    """`prepare(home)` returns the act; `events` are the receipts of a success.

    `again`: the same act is asked for once more after a restart (a chore does then what is left). `aged`: much time
    passes before the act, so that sessions from before have expired.
    """

    prepare: Callable
    events: list
    again: bool = True
    aged: bool = False


def _name(word):
    return f"{word}-{system_secrets(4).hex()}"


def _acts(use_case, *before):
    """A case that is one use case of the home, after others."""

    def prepare(home):
        given = [one(home) for one in before]
        return lambda: home.act(lambda tx: use_case(home, tx, *given))

    return prepare


def _does(use_case, *before):
    """The same for a use case that needs nothing of the home but its transaction."""
    return _acts(lambda _, tx, *given: use_case(tx, *given), *before)


def _person(home):
    return home.invite(f"{_name('p')}@example.test")[0]


def _blocked(home):
    person = _person(home)
    home.act(barred(person))
    return person


def _foreign(home):
    person = _name("user")
    home.act(lambda tx: people.adopt(tx, home.house.keyring, OPERATOR, person))
    return person


def _moved(home, tx, person):
    return people.adopt(tx, home.house.keyring, OPERATOR, person, f"{person}@example.test")


def _service(home, name=""):
    made = name or _name("app")
    home.act(lambda tx: services.add(tx, OPERATOR, Registration(made, (f"{made}.example.test",))))
    return made


def _purpose(home):
    made = PurposeRule(f"vault.p{system_secrets(4).hex()}", "Enter the vault")
    home.act(lambda tx: purposes.add(tx, OPERATOR, made))
    return made.name


def _add_person(home):
    email = f"{_name('p')}@example.test"

    def use_case(tx):
        made = identities.add_person(tx, home.house.keyring, OPERATOR, email=email)
        return made if isinstance(made, Refusal) else enrolment.invite(tx, OPERATOR, made.id)

    return lambda: home.act(use_case)


def _add_service(home):
    name = _name("app")
    return lambda: home.act(lambda tx: services.add(tx, OPERATOR, Registration(name, (f"{name}.example.test",))))


def _add_purpose(home):
    rule = PurposeRule(f"vault.p{system_secrets(4).hex()}", "Enter the vault")
    return lambda: home.act(lambda tx: purposes.add(tx, OPERATOR, rule)) or "declared"


def _new_tenant(home):
    """A tenant that nobody has heard of: (its scope, how it is made)."""
    name = f"t{system_secrets(4).hex()}"
    made = Tenant(name, Mode.FIXTURE, "id.example.test", ("https://id.example.test",), seeded=True)

    def use_case(tx):
        keys.ensure(tx, home.house.sealer, home.house.keyring)
        return identities.add_tenant(tx, OPERATOR, made) or clients.add(tx, OPERATOR, "client", "client")

    return Scope(name, Mode.FIXTURE), lambda: home.house.vault.transact_now(Scope(name, Mode.FIXTURE), use_case)


def _seed(home):
    scope, make = _new_tenant(home)
    make()
    return lambda: home.house.vault.transact_now(
        scope, lambda tx: seeded.seed(tx, home.rules, OPERATOR, "user-AAAAAAAAAAAAAAAAAAAAAA", "a-word", ("a.read",))
    )


def _named_add(use_case):
    """A case in which a person is given something that has a name."""

    def prepare(home):
        person, name = _person(home), _name("n")
        return lambda: home.act(lambda tx: use_case(tx, OPERATOR, person, name))

    return prepare


def _add_key(home):
    name = _name("k")
    return lambda: home.act(lambda tx: clients.add(tx, OPERATOR, "client", name, ("a.read",)))


def _client_key(home):
    name = _name("k")
    home.act(lambda tx: clients.add(tx, OPERATOR, "operator", name))
    return name


def _policy(home):
    name = _name("policy")
    home.act(lambda tx: limits.set_policy(tx, OPERATOR, Policy(name, HOUR, 1, 2, HOUR)))
    return name


def _set_policy(home):
    rule = Policy(_name("policy"), HOUR, 1, 2, HOUR)
    return lambda: home.act(lambda tx: limits.set_policy(tx, OPERATOR, rule)) or "set"


def _evaluated(tx, subject):
    return limits.evaluate(tx, ANONYMOUS, Knock("default", subject, "/v1/auth/login/start", "login_start", "hash"))


def _knocked(home):
    home.act(lambda tx: _evaluated(tx, _name("user")))


def _change(home, tx, name):
    return services.change(tx, OPERATOR, Registration(name, (f"{name}.example.test",), ("reports.read",)))


def _granted(home):
    person = _person(home)
    home.act(lambda tx: access.grant_scope(tx, OPERATOR, person, "reports.read"))
    return person


def _rewrap(home):
    new = home.folder / _name("kek")

    def act():
        make_kek(new, system_secrets)
        home.new_kek = new
        sealer = Sealer(read_kek(new), system_secrets)
        return home.act(lambda tx: keys.rewrap(tx, home.house.sealer, sealer, OPERATOR))

    home.new_kek = new
    return act


def _rotated(home):
    house = home.house
    home.act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, Purpose.SESSION))
    home.read(lambda tx: keys.load(tx, house.sealer, house.keyring))


def _revoke_key(home):
    """The key that signs no session of the standing ones: a fresh one, used once and retired."""
    _rotated(home)
    old = home.key().id
    home.open()
    _rotated(home)
    return lambda: home.act(lambda tx: revoke_key(tx, home.house.sealer, home.house.keyring, OPERATOR, old))


def _rotate_due(home):
    return lambda: home.act(lambda tx: keys.rotate_due(tx, home.house.sealer, home.house.keyring, 1))


def _refused_sign_in(home):
    visitor = home.enrolled()
    login = home.visitor(visitor.passkey)
    begun = login.begin()
    wrong = visitor.passkey.get({**begun["options"], "challenge": "AAAA"})
    return lambda: login.finish(begun, wrong)


def _landing(home):
    name = _service(home)
    walk = Walk(home, home.enrolled().cookies["__Host-ostiary_session"])
    url, _ = walk.follow(f"https://{name}.example.test/.ostiary/sign-in", until="/.ostiary/land")
    return lambda: walk.go(url)


def _consume(home):
    visitor, purpose = home.enrolled(), _purpose(home)
    receipt = visitor.presence(purpose)
    return lambda: consume(visitor, receipt, purpose)


def _session(home):
    return home.enrolled().session


def _end(home, tx, session):
    return sessions.end(tx, OPERATOR, session, EndReason.ENDED_BY_OPERATOR)


def _issue(home, tx, person):
    return bearer.issue(tx, home.rules, OPERATOR, bearer.Wish(person, "Backup job", 0, ()), "operator")


def _old(prepare):
    """Let what was prepared grow old, so that it is collected."""

    def prepared(home):
        prepare(home)
        home.clock.turn(_FAR)

    return prepared


def _collected(use_case, prepare=lambda home: home.enrolled()):
    """A collection, after something that it collects has grown old."""

    def prepared(home):
        _old(prepare)(home)
        return lambda: home.act(use_case)

    return prepared


def _landed(home):
    _landing(home)()


def _waiting(home):
    """A few receipts that wait for their place in the tree (PostgreSQL), and no more."""
    while home.act(_drained):
        pass
    return home.enrolled()


def _drained(tx, *_):
    """On SQLite a receipt has its place in the tree when it is written."""
    return drain(tx) if tx.dialect == "postgresql" else 0


def _seen(home, tx, session):
    return sessions.write_seen(tx, [(session, tx.now)]) or "written"


def _door(home):
    visitor = home.visitor()
    return lambda: visitor.send("POST", "/login/passkey/finish", {})


_LETTER = Letter("ada@example.test", "A passkey was added", "If that was not you, answer.", "notice")


def _queued(home):
    """A letter that was taken and opened, as it is while it is being sent."""
    letter = home.act(lambda tx: mail.queue(tx, home.house.keyring, OPERATOR, _LETTER))
    return letter, home.read(lambda tx: mail.unpack(tx, home.house.keyring, letter))


def _settled(verdict):
    """What became of a letter; asked for again, it is gone already."""

    def use_case(home, tx, queued):
        letter, parcel = queued
        turn = Turn(letter, home.scope.tenant, 1)
        return mail.settle(tx, home.house.keyring, turn, parcel, Sent(verdict, "smtp_550")) or "settled"

    return _acts(use_case, _queued)


def _captured(home):
    letter, parcel = _queued(home)
    turn, sent = Turn(letter, home.scope.tenant, 1), Sent(Verdict.CAPTURED)
    home.act(lambda tx: mail.settle(tx, home.house.keyring, turn, parcel, sent))


def _rules(home):
    return recovery.Rules(home.house.keyring, home.rules, recovery.RecoverySettings(1), home.origin, home.scope.tenant)


def _to_recover(home):
    """Somebody with an address and a passkey: (who, the address)."""
    address = f"{_name('r')}@example.test"
    person, token = home.invite(address)
    assert home.visitor().enrol(token).status == 200
    return person, address


def _policy_set(home, tx, known):
    hashed = recovery.address_hash(known[1])
    wanted = recovery_policies.Wanted(known[0], "", hashed, (hashed,), ("email_link",))
    return recovery_policies.put(tx, _rules(home), OPERATOR, wanted)


def _code_sent(home, tx, known):
    return recovery_contacts.send(tx, _rules(home), ANONYMOUS, recovery.Asker("pl-none", shared=False), known[1])


def _printed(home):
    caller = Caller(actor=_to_recover(home)[0])
    return home.act(lambda tx: printed.make(tx, _rules(home), caller))[0]


def _confirmed(home, tx, code):
    return recovery_contacts.confirm_printed(tx, _rules(home), ANONYMOUS, plain_code(code))


def _running(home):
    code = _printed(home)
    return home.act(lambda tx: _confirmed(home, tx, code))


def _link(home):
    """A run with its cancel link, which is told only by the notice."""
    begun = _running(home)
    to = home.read(lambda tx: identities.find_person(tx, home.house.keyring, begun.run.person)).email
    told = home.read(lambda tx: mail.waiting(tx, home.house.keyring, 1, to))
    letter = home.read(lambda tx: mail.unpack(tx, home.house.keyring, told[0].id)).letter
    return re.search(r"/recovery/cancel#\w+\.([\w-]+)", letter.text)[1]


def _contested(home, tx, run):
    return recovery_runs.contest(tx, _rules(home), ANONYMOUS, run.person, run.id)


def _waited(home):
    """A run that has waited and registered its replacement."""
    begun, key = _running(home), SoftPasskey(home.origin)
    home.clock.turn(HOUR)
    made = Registered(sha256(key.id).digest(), -7, key.cose_key(), 0, True, True, "", ())
    party = RelyingParty("localhost", "Ostiary", frozenset({home.origin}))
    wanted = bindings.Wanted(begun.run.person, party, home.origin, "platform", True, recovery=begun.run.id)

    def use_case(tx):
        rules = passkeys.Rules(home.house.keyring, party)
        bound = bindings.put(tx, rules, OPERATOR, wanted, made, EventName.PASSKEY_ADD)
        recovery_runs.place(tx, begun.run.id, bound.passkey)

    home.act(use_case)
    return home.read(lambda tx: recovery_runs.held(tx, begun.run.id, begun.secret))


def _executed(home, tx, run):
    return recovery_runs.execute(tx, _rules(home), ANONYMOUS, run)


def _done(home):
    run = _waited(home)
    home.act(lambda tx: _executed(home, tx, run))
    return run


def _device(home, life=0):
    """A device session of a fresh person; its id."""
    number = system_secrets(9).hex()
    opening = device_sessions.Opening(_person(home), "", f"challenge-{number}", life)
    return home.act(lambda tx: device_sessions.open_session(tx, OPERATOR, opening)).id


def _device_revoked(_, tx, session):
    return device_sessions.revoke(tx, Act(OPERATOR, Actor("system"), "admin_revoke"), session)


def _asked_for_a_code(home):
    rules = challenges.Rules(home.house.keyring, home.origin)
    asking = Asking(Flow.DEVICE, f"{_name('p')}@example.test", "en")
    home.act(lambda tx: challenges.open_challenge(tx, rules, ANONYMOUS, asking))


def _long_revoked(home):
    session = _device(home)
    home.act(lambda tx: _device_revoked(home, tx, session))


_OPERATIONS = {name: Case(prepare, events) for name, (prepare, events) in SUCCESS.items() if events}
READS = sorted(name for name, (_, events) in SUCCESS.items() if not events)

_MORE = {
    "login refused": Case(_refused_sign_in, ["login.finish"]),
    "refusal at the door": Case(_door, ["login.finish"]),
    "service.enter": Case(_landing, ["service.enter"]),
    "presence.consume": Case(_consume, ["presence.consume"]),
    "tenants add": Case(
        lambda home: _new_tenant(home)[1], ["key.create"] * len(Purpose) + ["tenant.create", "client.add"]
    ),
    "tenants add --fixture-seed": Case(_seed, ["session.open"]),
    "tenants key": Case(_add_key, ["client.add"]),
    "tenants key-remove": Case(
        _does(lambda tx, name: clients.remove(tx, OPERATOR, name), _client_key), ["client.remove"]
    ),
    "standings add": Case(_named_add(standings.add), ["standing.add"]),
    "devices add": Case(_named_add(devices.add), ["device.add"]),
    "people add": Case(_add_person, ["person.create", "invitation.create"]),
    "people invite": Case(
        _acts(lambda home, tx, person: enrolment.invite_again(tx, home.house.keyring, OPERATOR, person), _person),
        ["invitation.create"],
    ),
    "people grant": Case(
        _does(lambda tx, person: access.grant_scope(tx, OPERATOR, person, "a.read"), _person), ["scope.grant"]
    ),
    "people withdraw": Case(
        _does(lambda tx, person: sessions.withdraw_scope(tx, OPERATOR, person, "reports.read"), _granted),
        ["scope.withdraw"],
    ),
    "people block": Case(_does(lambda tx, person: barred(person)(tx), _person), ["person.block"]),
    "people unblock": Case(
        _acts(lambda home, tx, person: freed(home.house.keyring, person)(tx), _blocked), ["person.unblock"]
    ),
    "tenants methods": Case(_does(lambda tx: identities.offer(tx, OPERATOR, ("passkey",)) or "set"), ["tenant.change"]),
    "sessions limit": Case(_does(lambda tx: device_sessions.set_limit(tx, OPERATOR, 3) or "set"), ["limit.set"]),
    "device session revoked": Case(_acts(_device_revoked, _device), ["session.end"]),
    "chore: device sessions that expire": Case(
        _collected(device_sessions.expire, lambda home: _device(home, HOUR)), ["session.end"], again=False, aged=True
    ),
    "chore: device sessions": Case(
        _collected(device_sessions.collect, _long_revoked), ["session.collect"], again=False, aged=True
    ),
    "chore: codes": Case(_collected(challenges.collect, _asked_for_a_code), ["code.collect"], again=False, aged=True),
    "people change": Case(_acts(_moved, _foreign), ["person.change"]),
    "role grant": Case(
        _does(lambda tx, person: access.grant(tx, OPERATOR, person, "administrator"), _person),
        ["role.grant"],
    ),
    "services add": Case(_add_service, ["service.add"]),
    "services change": Case(_acts(_change, _service), ["service.change"]),
    "services rotate": Case(
        _does(lambda tx, name: services.rotate(tx, OPERATOR, name, 0), _service), ["service.rotate"]
    ),
    "services remove": Case(
        _does(lambda tx, name: services.remove(tx, OPERATOR, name) or "removed", _service), ["service.remove"]
    ),
    "purposes add": Case(_add_purpose, ["purpose.add"]),
    "purposes remove": Case(_does(lambda tx, name: purposes.remove(tx, OPERATOR, name), _purpose), ["purpose.remove"]),
    "limits set": Case(_set_policy, ["limit.set"]),
    "limits remove": Case(
        _does(lambda tx, name: limits.remove_policy(tx, OPERATOR, name) or "removed", _policy), ["limit.remove"]
    ),
    "limits evaluate": Case(_does(_evaluated, lambda _: _name("user")), ["limit.evaluate"]),
    "sessions issue": Case(_acts(_issue, lambda home: home.enrolled().person), ["session.open"]),
    "sessions revoke": Case(_acts(_end, _session), ["session.end"]),
    "keys rotate": Case(
        _acts(lambda home, tx: keys.rotate(tx, home.house.sealer, home.house.keyring, OPERATOR, Purpose.SESSION)),
        ["key.rotate"],
    ),
    "keys revoke": Case(_revoke_key, ["key.revoke"]),
    "keys rewrap": Case(_rewrap, ["key.rewrap"]),
    "chore: rotation that is due": Case(_rotate_due, ["key.rotate"] * 3, again=False),
    "chore: last seen": Case(_acts(_seen, _session), []),
    "chore: sequencing": Case(_does(_drained, _waiting), [], again=False),
    "chore: sessions": Case(_collected(sessions.collect), ["session.collect"], again=False, aged=True),
    "chore: challenges": Case(
        _collected(presence.collect, lambda home: home.enrolled().presence("passkey.add")),
        ["challenge.collect"],
        again=False,
        aged=True,
    ),
    "chore: limits": Case(_collected(limits.collect, _knocked), ["limit.collect"], again=False, aged=True),
    "chore: links": Case(_collected(enrolment.collect, _person), ["invitation.collect"], again=False, aged=True),
    "chore: keys": Case(
        _collected(partial(keys.collect, retention=HOUR), _rotated), ["key.collect"], again=False, aged=True
    ),
    "chore: landings": Case(_collected(landing.collect, _landed), ["service.collect"], again=False, aged=True),
    "mail queued": Case(_acts(lambda home, tx: mail.queue(tx, home.house.keyring, OPERATOR, _LETTER)), ["mail.queue"]),
    "chore: letter sent": Case(_settled(Verdict.SENT), ["mail.deliver"]),
    "chore: letter captured": Case(_settled(Verdict.CAPTURED), ["mail.deliver"]),
    "chore: letter given up": Case(_settled(Verdict.NEVER), ["mail.drop"]),
    "chore: letter taken": Case(_does(lambda tx, _: mail.take(tx), _queued), []),
    "chore: captured letters": Case(_collected(mail.collect, _captured), ["mail.collect"], again=False, aged=True),
    "recovery policy": Case(_acts(_policy_set, _to_recover), ["recovery.set"]),
    "recovery code sent": Case(_acts(_code_sent, _to_recover), ["limit.evaluate", "mail.queue", "recovery.send"]),
    "recovery begun": Case(_acts(_confirmed, _printed), ["limit.evaluate", "mail.queue", "recovery.confirm"]),
    "recovery cancelled": Case(
        _does(lambda tx, token: recovery_runs.cancel(tx, ANONYMOUS, token), _link), ["recovery.cancel"]
    ),
    "recovery executed": Case(_acts(_executed, _waited), ["session.end", "mail.queue", "recovery.execute"]),
    "recovery contested": Case(_acts(_contested, _done), ["mail.queue", "recovery.contest"]),
    "chore: recovery": Case(
        _collected(recovery_upkeep.collect, lambda home: home.act(partial(_code_sent, home, known=_to_recover(home)))),
        ["recovery.collect"],
        again=False,
        aged=True,
    ),
    "chore: membrane": Case(_collected(membrane.collect, grown_old), ["membrane.collect"], again=False, aged=True),
    "chore: outbox": Case(
        _collected(outbox.collect, lambda home: home.act(partial(_end, home, session=_session(home)))),
        [],
        again=False,
        aged=True,
    ),
}
_CROSSINGS = {name: Case(prepare, events) for name, (prepare, events) in CROSSINGS.items()}
CASES = _OPERATIONS | _MORE | _CROSSINGS

REFUSALS_ONLY = {
    EventName.LOGIN_BEGIN,
    EventName.LOGIN_ASK,
    EventName.SESSION_LIST,
    EventName.SESSION_END_OTHERS,
    EventName.ACCOUNT_READ,
    EventName.PASSKEY_IMPORT,
    EventName.SESSION_EXCHANGE,
}
"""Names under which an act is refused and never succeeds here: a refusal at the door is one row for all.

An import and an exchange succeed in fixture tenants; the first is one transaction like a registration, the second reads.
"""
