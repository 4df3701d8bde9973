"""What is asked and answered of recovery. A contact that a person types is `contact_address`: seen, kept sealed."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ostiary.membrane.bodies import Commit, Durable, Signer
from ostiary.membrane.requests import (
    Device,
    Execution,
    Hash,
    Passkey,
    Person,
    Presence,
    Ref,
    Secret,
    Standing,
    Tenant,
    Vessel,
    Wanted,
    Word,
)

__all__ = [
    "CancelWanted",
    "Cancelled",
    "CodeSent",
    "CodeWanted",
    "ConfirmWanted",
    "Confirmed",
    "ContestWanted",
    "Contested",
    "ExecuteWanted",
    "Executed",
    "PolicySet",
    "PolicyWanted",
]

Policy = Annotated[Ref, Meta(description="auth_recovery_policy:NAME")]


class PolicyWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.recoveryPolicy`. The server names the policy where no ref is given."""

    tenant: Tenant
    actor: Person
    recovery_policy_hash: Hash
    recovery_contact_hashes: Annotated[
        list[Hash], Meta(max_length=16, description="Of normalised addresses, see docs/recovery.md")
    ]
    recovery_methods: Annotated[list[Word], Meta(max_length=8, description="email_link, recovery_code, …")]
    human_presence_receipt: Presence = ""
    vessel: Vessel = ""
    standing: Standing = ""
    passkey_binding: Passkey = ""
    recovery_policy_ref: Policy = ""
    fixture: bool = False
    production_login: bool = False
    contains_customer_data: bool = False
    contains_biometric_material: bool = False
    create_standing_from_recovery: bool = False


class CodeWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.recoveryContactSend`: the address as the person types it."""

    tenant: Tenant
    contact_address: Annotated[str, Meta(max_length=320, description="An e-mail address")]
    recovery_method: Word = "email_link"


class ConfirmWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.recoveryContactConfirm`: the code that went out to a contact, or a printed one."""

    tenant: Tenant
    recovery_contact: Annotated[Ref, Meta(description="auth_recovery_contact:NAME, as the sending answered")] = ""
    code: Annotated[str, Meta(max_length=16, description="Eight digits")] = ""
    recovery_code: Annotated[str, Meta(max_length=64, description="One of the printed codes")] = ""
    recovery_execution_ref: Execution = ""


class CancelWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.recoveryCancel`: the token of the link in a notice."""

    tenant: Tenant
    cancel_token: Annotated[Word, Meta(description="The token of the link in a notice")]


class ContestWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.recoveryContest`: the proof of presence that an old passkey gave."""

    tenant: Tenant
    human_presence_receipt: Presence


class ExecuteWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.recoveryExecute`. `recovery_token` is the secret that the confirmation answered."""

    tenant: Tenant
    actor: Person
    recovery_policy: Policy
    recovery_execution_ref: Execution
    recovery_token: Secret
    replacement_passkey_binding: Passkey
    human_presence_receipt: Presence
    recovery_contact_hash: Hash
    vessel: Vessel = ""
    standing: Standing = ""
    device_binding: Device = ""
    fixture: bool = False
    production_login: bool = False
    contains_customer_data: bool = False
    contains_biometric_material: bool = False
    create_identity_binding_from_recovery: bool = False
    create_standing_from_recovery: bool = False
    create_company_authority_from_recovery: bool = False


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of a policy and of its execution: nothing raw is kept, nothing is granted."""

    raw_recovery_secret_stored: bool
    raw_recovery_contact_stored: bool
    raw_biometric_material_stored: bool
    identity_binding_created: bool
    standing_created: bool
    company_authority_created: bool
    signer: Signer
    durable_commit: Commit
    durable_state: Durable
    production_login: bool
    production_admission: bool


class PolicySet(_Made, frozen=True, kw_only=True):
    """A policy that stands."""

    auth_recovery_policy: str
    passkey_binding: str
    human_presence_receipt: str
    recovery_policy_hash: str
    recovery_contact_hashes: list[str]
    recovery_methods: list[str]


class CodeSent(msgspec.Struct, frozen=True, kw_only=True):
    """The same for every address: whether there is an account behind it is told to nobody."""

    recovery_contact: str
    recovery_method: str
    attempts: int
    expires_at: str
    raw_recovery_secret_stored: bool
    raw_recovery_contact_stored: bool
    production_admission: bool


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery that has begun. Its token is shown this once; after `waits_until` it registers the replacement."""

    auth_recovery_execution: str
    auth_recovery_policy: str
    subject: str
    recovery_contact_hash: str
    recovery_token: str
    waits_until: str
    waiting_seconds: int
    expires_at: str
    raw_recovery_secret_stored: bool
    raw_recovery_contact_stored: bool
    identity_binding_created: bool
    standing_created: bool
    company_authority_created: bool
    production_admission: bool

    def __repr__(self) -> str:
        """Show no token, whoever prints it."""
        return f"Confirmed({self.auth_recovery_execution!r})"


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery that goes no further; nothing of the account has changed."""

    auth_recovery_execution: str
    cancelled: bool
    production_admission: bool


class Executed(_Made, frozen=True, kw_only=True):
    """A recovery that is done: the replacement signs in, the old passkeys are set aside, every session has ended."""

    auth_recovery_execution: str
    auth_recovery_policy: str
    replacement_passkey_binding: str
    human_presence_receipt: str
    recovery_contact_hash: str
    recovery_policy_consumed: bool
    sessions_ended: int
    passkeys_set_aside: int
    contest_until: str


class Contested(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery that was undone: the old passkeys sign in again, what came after them does not."""

    auth_recovery_execution: str
    contested: bool
    sessions_ended: int
    passkeys_barred: int
    identity_binding_created: bool
    standing_created: bool
    company_authority_created: bool
    production_admission: bool
