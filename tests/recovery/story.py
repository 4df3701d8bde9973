"""Somebody who lost their passkey, over HTTP: every step of a recovery, in a live or a fixture tenant."""

import hashlib
import re

from ostiary.identities import service as identities
from ostiary.kernel.ids import unb64url
from ostiary.mail import service as mail
from tests.mail.post import postman
from tests.membrane.stage import DEVICE, PATHS, WHOLE, Asking, Person, code

OWN = "/v1/auth/recovery/"
PATHS |= {
    "auth.recoveryPolicy": f"{OWN}policy",
    "auth.recoveryContactSend": f"{OWN}contact/send",
    "auth.recoveryContactConfirm": f"{OWN}contact/confirm",
    "auth.recoveryExecute": f"{OWN}execute",
    "auth.recoveryCancel": f"{OWN}cancel",
    "auth.recoveryContest": f"{OWN}contest",
}
DAY = 24 * 3600 * 1_000_000
POLICY_HASH = "sha256:" + "cd" * 32
OTHER = "other.contact@example.test"


def hashed(address):
    """A contact as a client writes it."""
    return "sha256:" + hashlib.sha256(address.encode()).hexdigest()


def flags(stage):
    """What a request says in a fixture tenant."""
    return {"fixture": True} if stage.fixture else {}


class Story:
    """The recovery of the stage's person; `contact` is the address that they type."""

    def __init__(self, stage, person=None):
        self.stage, self.person = stage, person or stage.person
        found = stage.act(lambda tx: identities.find_person(tx, stage.home.house.keyring, self.person.id))
        self.own = self.contact = found.email
        self.begun, self.secret = None, None

    # The policy

    def policy(self, token, presence, **fields):
        """auth.recoveryPolicy."""
        return self.stage.ask("auth.recoveryPolicy", token, **self.setting(presence, **fields))

    def setting(self, presence, **fields):
        """Its fields."""
        wanted = {
            "tenant": self.stage.ref,
            "actor": self.person.ref,
            "vessel": self.person.vessel,
            "standing": self.person.standing,
            "passkey_binding": self.person.binding,
            "human_presence_receipt": presence,
            "recovery_policy_hash": POLICY_HASH,
            "recovery_contact_hashes": [hashed(self.contact)],
            "recovery_methods": ["email_link", "passkey_reenrollment_with_human_presence"],
            "production_login": False,
            "contains_customer_data": False,
            "contains_biometric_material": False,
            "create_standing_from_recovery": False,
        }
        return wanted | flags(self.stage) | fields

    def insured(self, **fields):
        """Set a policy, with all that it takes; return the session's token."""
        token = self.stage.login()["bearer_token"]
        made = self.policy(token, self.stage.presence("auth.recovery.policy"), **fields)
        assert made.status == 200, made.json
        return token

    # The contact

    def send(self, address=None, **fields):
        """The address is typed."""
        wanted = {"tenant": self.stage.ref, "contact_address": address or self.contact} | fields
        return self.stage.ask("auth.recoveryContactSend", wanted.pop("key", self.stage.client), **wanted)

    def letters(self, purpose="", to=""):
        """What has been delivered, newest first."""
        home = self.stage.home
        home.run(postman(home).deliver())
        every = home.house.vault.read_now(self.stage.scope, lambda tx: mail.captured(tx, home.house.keyring, 1000, to))
        return [one.letter for one in every if not purpose or one.letter.purpose == purpose]

    def code(self, to=""):
        """The code of the newest letter to that address, or to the contact."""
        return re.search(r"code: (\d+)", self.letters("recovery_code", to or self.contact)[0].text)[1]

    def confirm(self, sent, digits=None, **fields):
        """The code is typed."""
        contact = sent.json["body"]["recovery_contact"]
        wanted = {"tenant": self.stage.ref, "recovery_contact": contact, "code": digits or self.code()} | fields
        return self.stage.ask("auth.recoveryContactConfirm", wanted.pop("key", self.stage.client), **wanted)

    def begin(self, **fields):
        """Prove the contact; return the body of the confirmation."""
        sent = self.send()
        assert sent.status == 200, sent.json
        made = self.confirm(sent, **fields)
        assert made.status == 200, made.json
        self.begun = made.json["body"]
        return self.begun

    def wait(self):
        """Let the waiting period pass."""
        self.stage.home.clock.turn(self.begun["waiting_seconds"] * 1_000_000)

    def token(self, purpose="recovery_begun"):
        """The token of the cancel link in the newest notice."""
        return re.search(r"/recovery/cancel#\w+\.([\w-]+)", self.letters(purpose, self.own)[0].text)[1]

    def cancel(self, token=None, **fields):
        """The link of the notice is followed."""
        wanted = {"tenant": self.stage.ref, "cancel_token": token or self.token()} | fields
        return self.stage.ask("auth.recoveryCancel", wanted.pop("key", None), **wanted)

    # The replacement

    def options(self, **fields):
        """humanAuth.passkeyRegistrationOptions."""
        wanted = {
            "tenant": self.stage.ref,
            "subject": self.begun["subject"],
            "relying_party_id": self.stage.rp,
            "origin": self.stage.origin,
            "user_handle_hash": hashed("handle"),
            "user_name_hash": hashed("name"),
            "user_display_name_hash": hashed("display"),
            "recovery_execution_ref": self.begun["auth_recovery_execution"],
            "recovery_token": self.begun["recovery_token"],
        } | fields
        return self.stage.ask("humanAuth.passkeyRegistrationOptions", wanted.pop("key", self.stage.client), **wanted)

    def register(self, **fields):
        """Both steps; return what registerPasskey answered, and keep the new authenticator."""
        asked = self.options()
        assert asked.status == 200, asked.json
        return self.registered(asked, **fields)

    def registering(self, asked, **fields):
        """An asking for humanAuth.registerPasskey after these options; keeps the new authenticator."""
        given = asked.json["body"]["public_key_credential_creation_options"]
        passkey, _ = self.fresh()
        made = passkey.create(
            {
                "challenge": given["challenge"],
                "rp": given["rp"],
                "user": {"id": given["user"]["id_b64url"]},
                "pubKeyCredParams": given["pub_key_cred_params"],
            }
        )
        wanted = {
            "tenant": self.stage.ref,
            "subject": self.begun["subject"],
            "challenge": asked.json["body"]["challenge"]["id"],
            "relying_party_id": self.stage.rp,
            "origin": self.stage.origin,
            "credential_id_hash": "sha256:" + hashlib.sha256(unb64url(made["rawId"])).hexdigest(),
            "public_key_uncompressed_hex": _point(passkey),
            "client_data_json_b64url": made["response"]["clientDataJSON"],
            "attestation_object_b64url": made["response"]["attestationObject"],
            "sign_count": passkey.count,
            "recovery_execution_ref": self.begun["auth_recovery_execution"],
            "recovery_token": self.begun["recovery_token"],
        } | fields
        self.made = passkey
        return Asking("humanAuth.registerPasskey", wanted.pop("key", self.stage.client), wanted)

    def registered(self, asked, **fields):
        """humanAuth.registerPasskey after these options."""
        heard = self.stage.send(self.registering(asked, **fields))
        if heard.status == 200:
            self.passkey, self.binding = self.made, heard.json["body"]["passkey_binding"]["id"]
        return heard

    def fresh(self):
        """An authenticator with a fresh passkey."""
        from ostiary_client.authenticator import SoftPasskey  # noqa: PLC0415 - few stories need it

        made = SoftPasskey(self.stage.origin)
        return made, made.id

    def presence(self, passkey=None, act="auth.recovery.execute", **fields):
        """A proof of presence, by the replacement unless told otherwise."""
        fields = {"subject": self.person.ref, "device_binding": DEVICE} | fields
        return self.stage.presence(act, passkey=passkey or self.passkey, **fields)

    def executing(self, presence=None, **fields):
        """The fields of auth.recoveryExecute."""
        wanted = {
            "tenant": self.stage.ref,
            "actor": self.begun["subject"],
            "vessel": self.person.vessel,
            "standing": self.person.standing,
            "recovery_policy": self.begun["auth_recovery_policy"],
            "recovery_execution_ref": self.begun["auth_recovery_execution"],
            "recovery_token": self.begun["recovery_token"],
            "replacement_passkey_binding": self.binding,
            "human_presence_receipt": presence or self.presence(),
            "recovery_contact_hash": self.begun["recovery_contact_hash"],
            "device_binding": DEVICE,
            "production_login": False,
            "contains_customer_data": False,
            "contains_biometric_material": False,
            "create_identity_binding_from_recovery": False,
            "create_standing_from_recovery": False,
            "create_company_authority_from_recovery": False,
        }
        return wanted | flags(self.stage) | fields

    def execute(self, presence=None, **fields):
        """auth.recoveryExecute."""
        wanted = self.executing(presence, **fields)
        return self.stage.ask("auth.recoveryExecute", wanted.pop("key", self.stage.client), **wanted)

    def recovered(self):
        """The whole of it, from the typed address on; return the body of the execution."""
        self.begin()
        self.wait()
        made = self.register()
        assert made.status == 200, made.json
        done = self.execute()
        assert done.status == 200, done.json
        return done.json["body"]

    def contest(self, passkey=None, presence=None, **fields):
        """auth.recoveryContest, by the lost passkey."""
        proof = presence or self.presence(passkey or self.person.passkey, "auth.recovery.contest")
        wanted = {"tenant": self.stage.ref, "human_presence_receipt": proof} | fields
        return self.stage.ask("auth.recoveryContest", wanted.pop("key", self.stage.client), **wanted)

    def signs_in(self, passkey):
        """The code of what a login with this passkey is answered, "" where it succeeds."""
        start = self.stage.start(subject=self.person.ref)
        assert start.status == 200, start.json
        proof = self.stage.verify(start, passkey)
        if proof.status != 200:
            return code(proof)
        done = self.stage.finish(
            start,
            proof.json["body"]["human_presence_receipt"],
            actor=self.person.ref,
            vessel=self.person.vessel,
            standing=self.person.standing,
        )
        return "" if done.status == 200 else code(done)


def _point(passkey):
    """The uncompressed point of its public key, in hex."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - few stories need it

    return passkey.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()


def _policy(stage):
    story, token = Story(stage), stage.login()["bearer_token"]
    return Asking("auth.recoveryPolicy", token, story.setting(stage.presence("auth.recovery.policy")))


def proving(stage):
    """Somebody whose code is on its way, and what confirms it."""
    story = Story(stage)
    story.insured()
    contact = story.send().json["body"]["recovery_contact"]
    said = {"tenant": stage.ref, "recovery_contact": contact, "code": story.code()}
    return story, Asking("auth.recoveryContactConfirm", stage.client, said)


def executable(stage):
    """Somebody whose recovery has waited and has its replacement, and what executes it."""
    story = Story(stage)
    story.insured()
    story.begin()
    story.wait()
    assert story.register().status == 200
    return story, Asking("auth.recoveryExecute", stage.client, story.executing())


def _sending(stage):
    said = {"tenant": stage.ref, "contact_address": Story(stage).contact}
    return Asking("auth.recoveryContactSend", stage.client, said)


def cancelling(stage):
    """A recovery on its way, and what cancels it."""
    story = Story(stage)
    story.insured()
    story.begin()
    return story, Asking("auth.recoveryCancel", stage.client, {"tenant": stage.ref, "cancel_token": story.token()})


def contesting(stage):
    """A recovery that is done, and what contests it."""
    story, asking = executable(stage)
    assert stage.send(asking).status == 200
    proof = story.presence(story.person.passkey, "auth.recovery.contest")
    said = {"tenant": stage.ref, "human_presence_receipt": proof}
    return story, Asking("auth.recoveryContest", stage.client, said)


def apart(prepare):
    """The asking of somebody else than the stage's person, whose passkeys stay as they are."""

    def asking(stage):
        me, stage.person = stage.person, Person(stage)
        try:
            return prepare(stage)[1]
        finally:
            stage.person = me

    return asking


WHOLE |= {
    "auth.recoveryPolicy": _policy,
    "auth.recoveryContactSend": _sending,
    "auth.recoveryContactConfirm": lambda stage: proving(stage)[1],
    "auth.recoveryExecute": apart(executable),
    "auth.recoveryCancel": lambda stage: cancelling(stage)[1],
    "auth.recoveryContest": apart(contesting),
}
