"""The invariants of the contract's section 4, each by a test that is named after it (24 is the recovery's)."""

import json
import secrets
from contextlib import closing

import msgspec
import pytest

from ostiary import app
from ostiary.kernel.clock import SECOND
from ostiary.kernel.ids import b64url
from ostiary.kernel.values import Mode
from ostiary.limits.model import EVALUATION_LIFE
from ostiary.membrane.table import ROWS
from ostiary.membrane.witness import PREDICATES
from ostiary.receipts import service as receipts
from ostiary_client.authenticator import ED25519, RS256, Behaviour, SoftPasskey
from tests.membrane.planted import BY_MODE, FAULTS
from tests.membrane.refusals import strangers
from tests.membrane.stage import DEVICE, FIXTURE_ONLY, Asking, Person, Stage, code, good, kept
from tests.recovery.story import Story
from tests.sessions.home import HOUR, Home
from tests.sessions.test_bearer import asked, check

NAMES = [row.operation.name for row in ROWS]
ISSUING = {
    "auth.loginFinish": "auth.login.finish",
    "auth.sessionIssue": "auth.session.issue",
    "auth.sessionRefresh": "auth.session.refresh",
}
HERE = [
    (name, mode)
    for name in NAMES
    for mode in ("live", "fixture")
    if name != "auth.session.exchange" and (mode == "fixture" or name not in FIXTURE_ONLY)
]
"""Every operation with every mode in which it is admitted."""


def sessions_of(stage):
    """How many sessions there are."""
    return stage.home.rows("SELECT count(*) FROM sessions")[0][0]


def refused_for_nothing(stage, asking):
    """Send what must be refused; return its code, nothing having changed but counters and receipts."""
    stage.home.clock.turn(SECOND)
    before = kept(stage.home)
    heard = stage.send(asking)
    assert heard.status != 200, heard.json
    after = kept(stage.home)
    assert {name for name in before if before[name] != after[name]} == set()
    return code(heard)


@pytest.mark.parametrize("operation", ISSUING)
def test_invariant_01_no_session_without_fresh_presence(each, operation):
    act, aged = ISSUING[operation], each.presence(ISSUING[operation])
    each.home.clock.turn(300 * SECOND)
    used, asking = each.presence(act), each.whole(operation)
    spent = each.whole(operation)
    if operation == "auth.loginFinish":
        used = spent.fields["human_presence_receipt"]
        good(each.send(spent))
    else:
        good(each.send(spent.but(human_presence_receipt=used)))
    for receipt in (None, "", "human_presence_receipt:made_up", used, aged, strangers(each, act)):
        assert refused_for_nothing(each, asking.but(human_presence_receipt=receipt)), receipt
    good(each.send(asking))


def test_invariant_02_presence_and_limits_are_independent_and_each_alone_fails(each):
    bad = {
        "human_presence_receipt": "human_presence_receipt:hp-" + "A" * 22,
        "auth_rate_limit_evaluation": "auth_rate_limit_evaluation:lev-" + "A" * 22,
    }
    asking = each.ready()
    for left_out in ({*bad}, {"human_presence_receipt"}, {"auth_rate_limit_evaluation"}):
        said = refused_for_nothing(each, asking.but(**{name: bad[name] for name in left_out}))
        assert ("rate_limit" in said) == ("auth_rate_limit_evaluation" in left_out), said
    good(each.send(asking))


def test_invariant_03_presence_serves_once(each):
    receipt = each.presence("auth.session.issue", "auth.session.refresh")
    token = each.login()["bearer_token"]
    good(each.issue(token, receipt))
    again = refused_for_nothing(each, each.issuing(token, receipt))
    assert again == "m13_human_presence_consumed"
    assert refused_for_nothing(each, each.refreshing(token, receipt)) == "m13_human_presence_consumed"


def test_invariant_04_a_challenge_serves_once_in_time_and_for_what_it_was_asked(each):
    question = good(each.send(each.options("auth.session.issue")))
    answer = each.verifying(question)
    rival = each.key("client", ("invoice.read",))
    assert refused_for_nothing(each, answer.but(key=rival)) == "human_auth_challenge_unknown"
    assert refused_for_nothing(each, answer.but(relying_party_id="evil.example")) == "human_auth_wrong_rp_id"
    each.person.passkey.behaviour = Behaviour(origin="https://evil.example")
    assert refused_for_nothing(each, each.verifying(question)) == "human_auth_wrong_origin"
    each.person.passkey.behaviour = Behaviour()
    about_another = each.verifying(question, Person(each).passkey)
    assert refused_for_nothing(each, about_another) == "human_auth_passkey_subject_mismatch"
    good(each.send(each.verifying(question)))
    assert refused_for_nothing(each, each.verifying(question)) == "human_auth_challenge_replayed"
    late = each.verifying(good(each.send(each.options("auth.session.issue"))))
    each.home.clock.turn(300 * SECOND)
    assert refused_for_nothing(each, late) == "human_auth_challenge_expired"
    token = each.invited()
    offered = good(each.send(each.offering(None, enrolment_token=token)))
    login = good(each.start()).json["body"]["challenge"]["id"]
    registering = each.registering(None, offered, enrolment_token=token)
    assert refused_for_nothing(each, registering.but(challenge=login)) == "human_auth_registration_challenge_required"


def test_invariant_05_an_evaluation_must_allow_be_unused_and_of_this_very_attempt(each, stages):
    asking = each.ready()
    operators = good(each.send(each.evaluating())).json["body"]["auth_rate_limit_evaluation"]
    sibling = good(each.start()).json["body"]["auth_rate_limit_evaluation"]
    elsewhere = good(each.start(device_binding="device_binding:another")).json["body"]["auth_rate_limit_evaluation"]
    used = each.ready()
    good(each.send(used))
    me, each.person = each.person, Person(each)
    anothers = good(each.start()).json["body"]["auth_rate_limit_evaluation"]
    each.person = me
    foreign = good(each.other.anew().start()).json["body"]["auth_rate_limit_evaluation"]
    wrong = [operators, sibling, elsewhere, used.fields["auth_rate_limit_evaluation"], anothers]
    for one in wrong:
        said = refused_for_nothing(each, asking.but(auth_rate_limit_evaluation=one))
        assert said == "auth_login_rate_limit_not_allowed"
    assert refused_for_nothing(each, asking.but(auth_rate_limit_evaluation=foreign)) == "auth_login_rate_limit_missing"
    rows = each.home.rows("SELECT id FROM evaluations WHERE decision <> 'allow'")
    for (denied,) in rows:
        assert refused_for_nothing(each, asking.but(auth_rate_limit_evaluation=f"auth_rate_limit_evaluation:{denied}"))
    good(each.send(asking))
    late = each.ready()
    each.home.clock.turn(EVALUATION_LIFE)
    assert refused_for_nothing(each, late) == "auth_login_rate_limit_not_allowed"


def tokens_of(stage):
    """Every token that this stage was ever shown."""
    bodies = [heard.json.get("body", {}) for heard in stage.heard]
    return {body["bearer_token"] for body in bodies if body.get("bearer_token")}


def whole_run(stage):
    """Every operation once, admitted; then every refusal of the table that needs no other tenant's help."""
    for operation in NAMES:
        if operation not in FIXTURE_ONLY or (stage.fixture and operation != "auth.session.exchange"):
            good(stage.send(stage.anew().whole(operation)))


def test_invariant_06_a_token_is_returned_once_and_only_its_hash_is_kept(both, capfd):
    whole_run(both)
    tokens = tokens_of(both)
    assert len(tokens) > 5
    both.home.flush()
    stored = b"".join(path.read_bytes() for path in both.home.folder.rglob("*") if path.is_file())
    logged = "".join(capfd.readouterr())
    for token in tokens:
        secret = token.rpartition(".")[2]
        assert secret.encode() not in stored
        assert secret not in logged
        shown = [one.json["operation"] for one in both.heard if secret in one.headers.body.decode()]
        assert len(shown) == 1, shown


def test_invariant_07_no_answer_but_three_shows_a_token(both):
    whole_run(both)
    for name, secret_in in (("authority.sessionRevoke", "session"), ("auth.sessionInspect", "session")):
        token = both.login()["bearer_token"]
        both.ask(name, token, tenant=both.ref, **{secret_in: f"auth_session:{token[:60]}"})
        both.ask(name, token, tenant=token)
        both.ask(name, token + "x", tenant=both.ref)
    secrets_ = {token.rpartition(".")[2] for token in tokens_of(both)}
    for one in both.heard:
        shown = {secret for secret in secrets_ if secret in one.headers.body.decode()}
        assert not shown or one.json["operation"] in ISSUING
        everything = str(one.headers.headers)
        assert not any(secret in everything for secret in secrets_)


def test_invariant_08_what_a_session_is_bound_to_never_changes(each):
    token = each.login(scopes=["invoice.read", "auth.session.refresh"])["bearer_token"]
    before = good(each.inspect(token)).json["body"]
    issued = good(each.issue(token, each.presence("auth.session.issue"))).json["body"]
    good(each.refresh(issued["bearer_token"], each.presence("auth.session.refresh")))
    good(each.revoke(token, each.login()["session"]))
    for field, value in (
        ("vessel", Person(each).vessel),
        ("device_binding", "device_binding:another"),
        ("actor", "x:y"),
    ):
        each.send(each.issuing(token, each.presence("auth.session.issue"), **{field: value}))
    assert good(each.inspect(token)).json["body"] == before
    assert before["actor"] == each.person.ref
    assert (before["vessel"], before["standing"]) == (each.person.vessel, each.person.standing)
    assert before["device_binding"] == DEVICE
    assert before["holder_key"] == f"key_registry:{each.signing_key.id}"
    assert set(before["scopes"]) == {"invoice.read", "auth.session.refresh"}


@pytest.mark.parametrize("operation", ISSUING)
def test_invariant_09_a_session_lives_one_to_86400_seconds_and_no_longer(each, operation):
    asking = each.whole(operation)
    for wrong in (0, 86_401, -1, 1.5, 60.0, "60", True, False, [], {}, 1 << 70, None):
        said = refused_for_nothing(each, asking.but(expires_in_seconds=wrong))
        assert said.endswith("_expiry_invalid"), (wrong, said)
    for raw in (b"null", b"1e2", b"NaN"):
        fields = {name: value for name, value in asking.fields.items() if name != "expires_in_seconds"}
        body = json.dumps(fields).encode()[:-1] + b', "expires_in_seconds": ' + raw + b"}"
        assert refused_for_nothing(each, asking._replace(raw=body))
    one = good(each.send(asking.but(expires_in_seconds=1))).json["body"]
    longest = good(each.send(each.whole(operation).but(expires_in_seconds=86_400))).json["body"]
    each.home.clock.turn(SECOND)
    assert code(each.inspect(one["bearer_token"])) == "session_expired"
    for _ in range(47):
        assert good(each.inspect(longest["bearer_token"]))
        each.home.clock.turn(HOUR // 2)
    assert good(each.inspect(longest["bearer_token"]))
    each.home.clock.turn(HOUR // 2 - SECOND)
    assert code(each.inspect(longest["bearer_token"])) == "session_expired"


def test_invariant_10_a_refresh_never_widens_the_scopes(each):
    token = each.login(scopes=["invoice.read", "invoice.issue"])["bearer_token"]
    presence = each.presence("auth.session.refresh")
    for wider in (["invoice.read", "invoice.issue", "auth.session.refresh"], ["auth.session.inspect"], ["x"], [""]):
        said = refused_for_nothing(each, each.refreshing(token, presence, scopes=wider))
        assert said == "auth_session_refresh_scope_expansion_refused"
    equal = good(each.refresh(token, presence, scopes=["invoice.issue", "invoice.read"])).json["body"]
    assert set(equal["scopes"]) == {"invoice.read", "invoice.issue"}
    same = good(each.refresh(equal["bearer_token"], each.presence("auth.session.refresh"), scopes=[])).json["body"]
    assert set(same["scopes"]) == {"invoice.read", "invoice.issue"}
    less = good(each.refresh(same["bearer_token"], each.presence("auth.session.refresh"), scopes=["invoice.read"]))
    assert less.json["body"]["scopes"] == ["invoice.read"]
    back = each.refreshing(
        less.json["body"]["bearer_token"], each.presence("auth.session.refresh"), scopes=["invoice.issue"]
    )
    assert refused_for_nothing(each, back) == "auth_session_refresh_scope_expansion_refused"


def test_invariant_11_a_stolen_token_cannot_refresh(each):
    token = each.login()["bearer_token"]
    assert refused_for_nothing(each, each.refreshing(token, None)) == "m13_human_presence_missing"
    thieves = strangers(each, "auth.session.refresh")
    assert refused_for_nothing(each, each.refreshing(token, thieves)) == "m13_human_presence_subject_mismatch"
    other = each.presence("auth.session.issue")
    assert refused_for_nothing(each, each.refreshing(token, other)) == "m13_human_presence_purpose_mismatch"
    assert good(each.inspect(token))


def test_invariant_11_nor_does_a_stolen_token_at_the_refresh_that_asks_for_no_presence(stages):
    live = stages["live"].anew()
    for token in (
        live.login()["bearer_token"],
        good(live.send(live.whole("auth.sessionRefresh"))).json["body"]["bearer_token"],
    ):
        before = kept(live.home)
        answer = asked(live.home, "POST", "/api/v1/auth/token/refresh", token)
        assert (answer.status, answer.code) == (401, "presence_required")
        assert kept(live.home) == before
        assert good(live.inspect(token))


def test_invariant_12_a_revocation_is_immediate_and_idempotent(each):
    body = each.login()
    token, session = body["bearer_token"], body["session"]
    for overlay in (False, True, None):
        body = each.login()
        token, session = body["bearer_token"], body["session"]
        first = good(each.revoke(token, session, enforce_runtime_overlay=overlay))
        assert (first.json["outcome"], first.json["body"]["revoked"]) == ("admitted", True)
        assert first.json["body"]["enforced_in_runtime_overlay"] is True
        assert code(each.inspect(token)) == "session_revoked"
        if not each.fixture:
            assert check(each.home, token).status == 401
        sibling = each.login()["bearer_token"]
        for asker in (token, sibling):
            again = good(each.revoke(asker, session))
            assert (again.json["outcome"], code(again)) == ("verified", "auth_session_already_revoked")
            assert again.json["body"]["enforced_in_runtime_overlay"] is True


def test_invariant_13_a_session_inspects_only_itself(each):
    token, others = each.login()["bearer_token"], each.login()["session"]
    bare = []
    for ref in (others, "auth_session:nobodys", "auth_session:tok-" + "A" * 22, "auth_session:fixture_nobodys", "x"):
        heard = each.inspect(token, session=ref)
        shown = heard.json | {"body": heard.json["body"] | {"request_id": ""}, "receipt": {}}
        bare.append((heard.status, shown))
    assert all(one == bare[0] for one in bare)
    assert bare[0][1]["body"]["stable_code"] == "auth_session_inspect_session_mismatch"


def test_invariant_14_a_session_alone_approves_nothing_sensitive(each):
    body = each.login()
    assert body["satisfies_sensitive_approval_requirement"] is False
    token = body["bearer_token"]
    assert refused_for_nothing(each, each.issuing(token, None)) == "m13_human_presence_missing"
    assert refused_for_nothing(each, each.refreshing(token, None)) == "m13_human_presence_missing"
    offered = good(each.send(each.offering(token)))
    assert refused_for_nothing(each, each.registering(token, offered)) == "m13_human_presence_missing"


def test_invariant_15_nothing_here_makes_identity_standing_or_authority(both):
    flags = ("identity_binding_created", "standing_created", "company_authority_created")
    for operation in NAMES:
        if operation in FIXTURE_ONLY and (operation == "auth.session.exchange" or not both.fixture):
            continue
        asking = both.anew().whole(operation)
        before = kept(both.home)
        body = good(both.send(asking)).json["body"]
        after = kept(both.home)
        for table in ("people", "standings", "grants", "devices", "client_keys", "tenants"):
            assert before[table] == after[table], (operation, table)
        shown = {**body, **body.get("authority_boundaries", {})}
        assert not any(shown.get(flag) for flag in flags)
        for flag in ("create_identity_binding_from_recovery", "create_standing_from_recovery", *flags):
            assert both.send(asking.but(**{flag: True})).status != 200


RAW = ("raw_ip_address", "raw_user_agent", "raw_credential_id", "raw_recovery_secret", "raw_recovery_contact", "raw_")


@pytest.mark.parametrize(("operation", "mode"), HERE)
def test_invariant_16_nothing_raw_is_accepted_in_any_form(stages, operation, mode):
    stage = stages[mode].anew()
    asking = stage.whole(operation)
    fields = {name: value for name, value in asking.fields.items() if value is not None}
    before = kept(stage.home)
    for name in RAW:
        inner = {name: "192.0.2.1"}
        odd = [{name: "192.0.2.1"}, {name: None}, {name: ""}, {name: {}}, {name: False}]
        odd += [{"anything": inner}, {"list": [[inner]]}, {"scopes": [inner]}]
        for more in odd:
            heard = stage.send(asking._replace(raw=json.dumps(fields | more).encode()))
            assert heard.status == 400, more
            assert "raw_" in code(heard), (more, heard.json)
    assert kept(stage.home) == before
    good(stage.send(asking))


HASHES = {
    "auth.loginStart": ["source_ip_hash"],
    "auth.rateLimitEvaluate": ["source_ip_hash"],
    "humanAuth.verifyPasskey": ["credential_id_hash"],
    "humanAuth.registerPasskey": ["credential_id_hash", "attestation_object_hash", "client_data_json_hash"],
    "humanAuth.passkeyImport": ["credential_id_hash", "attestation_object_hash"],
    "humanAuth.passkeyRegistrationOptions": [
        "user_handle_hash",
        "user_name_hash",
        "user_display_name_hash",
        "exclude_credential_id_hashes",
    ],
}


def test_invariant_17_knows_every_hash_field():
    fields = {row.operation.name: row.operation.request.__struct_fields__ for row in ROWS}
    found = {name: {one for one in every if "hash" in one} for name, every in fields.items()}
    recovery = {"auth.recoveryPolicy", "auth.recoveryExecute"}
    assert {name: set(every) for name, every in HASHES.items()} == {
        name: every for name, every in found.items() if every and name not in recovery
    }


@pytest.mark.parametrize(("operation", "mode"), [one for one in HERE if one[0] in HASHES])
def test_invariant_17_a_hash_carries_its_prefix_and_64_hex_digits(stages, operation, mode):
    stage, digits = stages[mode].anew(), secrets.token_hex(31) + "ab"
    asking = stage.whole(operation)
    odd = [digits, f"md5:{digits}", f"SHA256:{digits}", f"sha256:{digits}\n", f" sha256:{digits}", "sha256:", 5, ["x"]]
    odd += ["ada@example.test", "sha256:ada@example.test"]
    if mode == "live" or operation in {"humanAuth.verifyPasskey", "humanAuth.registerPasskey"}:
        odd += [f"sha256:{digits.upper()}", f"sha256:{digits[:-1]}", f"sha256:{digits}0", "sha256:words"]
    for name in HASHES[operation]:
        for wrong in odd:
            value = [wrong] if name.startswith("exclude") else wrong
            assert stage.send(asking.but(**{name: value})).status == 400, (name, wrong)
            asking = asking if operation != "humanAuth.registerPasskey" else stage.whole(operation)
    good(stage.send(asking))


@pytest.mark.parametrize("operation", [name for name in NAMES if name != "auth.session.exchange"])
def test_invariant_18_no_biometric_material(stages, operation):
    stage = stages["fixture" if operation in FIXTURE_ONLY else "live"].anew()
    asking = stage.whole(operation)
    takes = "contains_biometric_material" in {
        one for row in ROWS if row.operation.name == operation for one in row.operation.request.__struct_fields__
    }
    for value in (True, "false", 0, 1, [], {}):
        said = refused_for_nothing(stage, asking.but(contains_biometric_material=value))
        assert said == "human_auth_biometric_material_refused" or not takes
    good(stage.send(asking))


def test_invariant_19_attestation_none_and_es256_only(each):
    token = each.login()["bearer_token"]
    for wrong in ("direct", "enterprise", "indirect", "NONE"):
        said = refused_for_nothing(each, each.offering(token, attestation=wrong))
        assert said == "human_auth_attestation_policy_refused"
    offered = good(each.send(each.offering(token)))
    parameters = offered.json["body"]["public_key_credential_creation_options"]["pub_key_cred_params"]
    assert parameters == [{"type": "public-key", "alg": -7}]
    presence = each.presence("passkey.add")
    for wrong in ("direct", "enterprise"):
        asking = each.registering(token, offered, attestation_conveyance=wrong, human_presence_receipt=presence)
        assert refused_for_nothing(each, asking) == "human_auth_attestation_policy_refused"
    for algorithm in (RS256, ED25519):
        passkey = SoftPasskey(each.origin, algorithm=algorithm)
        asking = each.registering(token, offered, passkey, human_presence_receipt=presence)
        assert refused_for_nothing(each, asking) == "human_auth_attestation_policy_refused"
    attested = SoftPasskey(each.origin, aaguid=bytes(range(16)), behaviour=Behaviour(self_attested=True))
    asking = each.registering(token, offered, attested, human_presence_receipt=presence)
    assert refused_for_nothing(each, asking) == "human_auth_attestation_policy_refused"
    asking = each.registering(token, offered, human_presence_receipt=presence, public_key_algorithm="RS256")
    assert refused_for_nothing(each, asking) == "human_auth_passkey_public_key_missing"


def test_invariant_20_fixture_sessions_are_refused_at_live_gates_and_the_reverse(stages):
    live, fixture = stages["live"].anew(), stages["fixture"].anew()
    inside, outside = fixture.login(), live.login()
    assert inside["session"].startswith("auth_session:fixture_")
    assert not outside["session"].startswith("auth_session:fixture_")
    home, token = live.home, inside["bearer_token"]
    for path in ("/check", "/check/default"):
        assert check(home, token, path).status == 401
        assert check(home, outside["bearer_token"], path).status == 200
    for method, path in (("GET", "/api/v1/auth/me"), ("GET", "/api/v1/auth/passkeys")):
        assert asked(home, method, path, token).status == 401, path
    assert asked(home, "POST", "/api/v1/auth/token/refresh", token).status == 401
    assert good(fixture.inspect(token))


@pytest.mark.parametrize("operation", [name for name in NAMES if name != "auth.session.exchange"])
def test_invariant_20_each_membrane_gate_refuses_the_other_mode(stages, operation):
    live, fixture = stages["live"].anew(), stages["fixture"].anew()
    for here, there in ((live, fixture), (fixture, live)):
        if operation in FIXTURE_ONLY and here is live:
            continue
        asking = here.whole(operation)
        for key in (there.login()["bearer_token"], there.client, there.operator):
            assert refused_for_nothing(here, asking.but(key=key, tenant=here.ref)) == "cross_tenant_access"
        if "fixture" in asking.fields or operation in {"auth.loginStart", *ISSUING, "auth.rateLimitEvaluate"}:
            for odd in (not here.fixture, [], {}, "yes"):
                said = refused_for_nothing(here, asking.but(fixture=odd))
                assert said == "tenant_mode_mismatch" or said.endswith("_fixture_only")
        if operation in ISSUING:
            ref = f"auth_session:{'fixture_' * (here is live)}mine"
            said = refused_for_nothing(here, asking.but(session=ref))
            assert said == "tenant_mode_mismatch" or said.endswith("_fixture_only")
        for claim in ("production_login", "production_session"):
            if here.fixture and claim in asking.fields:
                assert refused_for_nothing(here, asking.but(**{claim: True})).endswith("_fixture_only")
        good(here.send(asking))


CLAIMS = {"device_binding", "policy_ref"}
ABOUT = {"auth.loginStart", "auth.rateLimitEvaluate", "humanAuth.challenge", "humanAuth.passkeyAssertionOptions"}
"""Which operations may be asked about anybody, so that nobody learns who is known: their subject is a question."""


def refs_of(stage):
    """One living ref of each kind, of this tenant."""
    login = stage.login()
    question = good(stage.send(stage.options("auth.session.issue"))).json["body"]
    start = good(stage.start()).json["body"]
    return {
        "tenant": [stage.ref],
        "human_person": [stage.person.ref],
        "standing": [stage.person.standing],
        "vessel": [stage.person.vessel],
        "passkey_binding": [stage.person.binding],
        "auth_session": [login["session"]],
        "key_registry": [f"key_registry:{stage.signing_key.id}"],
        "human_auth_challenge": [question["challenge"]["id"], start["challenge"]["id"]],
        "auth_rate_limit_evaluation": [start["auth_rate_limit_evaluation"]],
        "human_presence_receipt": [
            stage.presence(act)
            for act in ("auth.session.issue", "auth.session.refresh", "passkey.add", "auth.login.finish")
        ],
    }


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    """Two live tenants and two fixtures."""
    with closing(Home(tmp_path_factory.mktemp("neighbours"), TRUSTED_PROXIES="127.0.0.1")) as home:
        yield {
            "live": (Stage(home), Stage(home, "rhein")),
            "fixture": (Stage(home, "first", Mode.FIXTURE), Stage(home, "second", Mode.FIXTURE)),
        }


@pytest.mark.parametrize(("operation", "mode"), HERE)
def test_invariant_21_no_ref_of_another_tenant_is_admitted(neighbours, operation, mode):
    mine, theirs = (one.anew() for one in neighbours[mode])
    asking, every = mine.whole(operation), refs_of(theirs)
    fields = next(row.operation.request.__struct_fields__ for row in ROWS if row.operation.name == operation)
    kinds = {
        "tenant": "tenant",
        "subject": "human_person",
        "actor": "human_person",
        "standing": "standing",
        "vessel": "vessel",
        "passkey_binding": "passkey_binding",
        "replacement_passkey_binding": "passkey_binding",
        "recovery_policy": "auth_recovery_policy",
        "session": "auth_session",
        "holder_key": "key_registry",
        "challenge": "human_auth_challenge",
        "login_challenge": "human_auth_challenge",
        "auth_rate_limit_evaluation": "auth_rate_limit_evaluation",
        "human_presence_receipt": "human_presence_receipt",
    }
    tried = 0
    for field in fields:
        for ref in every.get(kinds.get(field, ""), ()):
            if field == "subject" and operation in ABOUT:
                about_nobody(mine, theirs, asking, ref)
            elif not (field == "session" and operation in ISSUING and mine.fixture):  # there a name is the tenant's own
                assert refused_for_nothing(mine, asking.but(**{field: ref})), (field, ref)
            tried += 1
    assert tried
    good(mine.send(asking))


def about_nobody(mine, theirs, asking, ref):
    """Asked about another tenant's person, nothing comes of it: their passkey answers nothing here."""
    heard = good(mine.send(asking.but(subject=ref)))
    if "public_key_credential_request_options" in heard.json["body"]:
        said = refused_for_nothing(mine, mine.verifying(heard, theirs.person.passkey))
        assert said == "human_auth_passkey_binding_unknown"
    heard = good(mine.send(asking.but(subject="human_person:nobody")))


@pytest.mark.parametrize("operation", NAMES)
def test_invariant_22_every_crossing_leaves_a_receipt(stages, operation):
    where = "seeded" if operation == "auth.session.exchange" else "fixture" if operation in FIXTURE_ONLY else "live"
    stage = stages[where].anew()
    asking = stage.whole(operation)
    stage.home.clock.turn(SECOND)
    count = "SELECT count(*) FROM receipts"
    before = stage.home.rows(count)[0][0]
    admitted = good(stage.send(asking))
    middle = stage.home.rows(count)[0][0]
    assert middle > before
    refused = stage.send(asking.but(no_such_field=1))
    assert stage.home.rows(count)[0][0] == middle + 1
    for heard in (admitted, refused):
        found = stage.act(lambda tx, heard=heard: receipts.find(tx, heard.json["receipt"]["ref"].partition(":")[2]))
        assert found.outcome == heard.json["receipt"]["outcome"] == heard.json["outcome"]


def test_invariant_23_a_refusal_is_evidence_that_a_restart_keeps(both):
    asking = both.ready(expires_in_seconds=0)
    heard = both.send(asking)
    both.home.restart()
    found = both.act(lambda tx: receipts.find(tx, heard.json["receipt"]["ref"].partition(":")[2]))
    assert (found.outcome, found.reasons[0]) == ("refused", "auth_login_expiry_invalid")
    assert found.operation == "login.finish"


def test_invariant_24_a_recovery_policy_is_consumed_once(live):
    lost = Story(live)
    lost.begin()
    lost.wait()
    lost.register()
    said = [lost.executing() for _ in range(2)]
    heard = live.together(*(Asking("auth.recoveryExecute", live.client, one) for one in said))
    assert sorted(one.status for one in heard) == [200, 409]
    assert code(lost.execute(**said[0])) == "auth_recovery_policy_consumed"


def test_invariant_25_a_sign_count_never_goes_back(each):
    passkey = each.person.passkey
    passkey.count = 10
    good(each.verify(good(each.send(each.options("auth.session.issue")))))
    for back in (9, 10, 1, 5):
        passkey.count = back
        passkey.behaviour = Behaviour(count_step=0)
        asking = each.verifying(good(each.send(each.options("auth.session.issue"))))
        assert refused_for_nothing(each, asking) == "human_auth_webauthn_assertion_invalid", back
    passkey.count, passkey.behaviour = 12, Behaviour(count_step=0)
    good(each.verify(good(each.send(each.options("auth.session.issue")))))


def test_invariant_26_every_computed_flag_has_its_fault():
    recovery = {"raw_recovery_secret_stored", "raw_recovery_contact_stored"}
    assert {one.flag for one in FAULTS} | BY_MODE | recovery == set(PREDICATES)


def flag_of(body, flag):
    """A flag of an answer, at whatever depth it stands first."""
    if flag in body:
        return body[flag]
    found = [flag_of(inner, flag) for inner in body.values() if isinstance(inner, dict)]
    return next((one for one in found if one is not None), None)


@pytest.mark.parametrize("fault", FAULTS, ids=[one.flag for one in FAULTS])
def test_invariant_26_a_storage_bug_turns_the_flag(tmp_path, fault):
    name, planted = fault.operation, []

    def faulty(row):
        gates = row.gates if fault.gates else ()
        sound = row.use_case
        broken = fault.plant(sound)

        def chosen(c):
            return (broken if planted else sound)(c)

        return msgspec.structs.replace(row, gates=gates, use_case=chosen)

    rows = tuple(faulty(row) if row.operation.name == name else row for row in ROWS)
    with closing(Home(tmp_path, TRUSTED_PROXIES="127.0.0.1")) as home:
        home.application = app.build(home.house, crossings=rows)
        stage = Stage(home, "rhein")
        agent = {"user-agent": "Mozilla/5.0 (a browser that nobody has)"}
        assert flag_of(good(stage.send(stage.whole(name).but(headers=agent))).json["body"], fault.flag) is False
        asking = stage.whole(name).but(headers=agent)
        planted.append(True)
        heard = good(stage.send(asking.but(**fault.said)))
        assert flag_of(heard.json["body"], fault.flag) is True


def test_invariant_26_flags_of_the_tenant_say_which_it_is(each):
    body = each.login()
    assert body["fixture_session"] is each.fixture
    for flag in BY_MODE - {"fixture_session"}:
        assert body[flag] is not each.fixture


@pytest.mark.parametrize("operation", ["humanAuth.registerPasskey", "humanAuth.passkeyImport"])
@pytest.mark.parametrize("write", [b64url, bytes.hex], ids=["base64url", "hex"])
def test_invariant_16_nor_is_a_passkey_named_by_its_raw_credential_id(stages, operation, write):
    stage, passkey = stages["fixture"].anew(), SoftPasskey(stages["fixture"].origin)
    if operation == "humanAuth.passkeyImport":
        asking = stage.importing(passkey)
    else:
        link = stage.invited()
        offered = good(stage.send(stage.offering(None, enrolment_token=link)))
        asking = stage.registering(None, offered, passkey, enrolment_token=link)
    named = asking.but(passkey_binding=f"passkey_binding:{write(passkey.id)}")
    assert refused_for_nothing(stage, named) == "human_auth_raw_credential_material_refused"
    good(stage.send(asking))
