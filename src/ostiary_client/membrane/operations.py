"""The operations of the membrane: one line each, and a method on both clients."""

from ostiary_client.membrane import logins, passkeys, presences, recoveries, sessions
from ostiary_client.membrane.verbs import Verb

__all__ = ["Operations"]


class Operations:
    """Method names are the contract's in snake_case; each takes the fields of its request as keyword arguments."""

    auth_login_start = Verb(logins.AuthLoginStart)
    auth_login_finish = Verb(logins.AuthLoginFinish)
    auth_rate_limit_evaluate = Verb(logins.AuthRateLimitEvaluate)

    auth_session_exchange = Verb(sessions.AuthSessionExchange)
    auth_session_issue = Verb(sessions.AuthSessionIssue)
    auth_session_inspect = Verb(sessions.AuthSessionInspect)
    auth_session_refresh = Verb(sessions.AuthSessionRefresh)
    m13_session_revoke = Verb(sessions.AuthoritySessionRevoke)
    authority_session_revoke = m13_session_revoke

    human_auth_passkey_registration_options = Verb(passkeys.HumanAuthPasskeyRegistrationOptions)
    human_auth_register_passkey = Verb(passkeys.HumanAuthRegisterPasskey)
    human_auth_passkey_import = Verb(passkeys.HumanAuthPasskeyImport)
    human_auth_challenge = Verb(presences.HumanAuthChallenge)
    human_auth_passkey_assertion_options = Verb(presences.HumanAuthPasskeyAssertionOptions)
    human_auth_verify_passkey = Verb(presences.HumanAuthVerifyPasskey)

    auth_recovery_policy = Verb(recoveries.AuthRecoveryPolicy)
    auth_recovery_execute = Verb(recoveries.AuthRecoveryExecute)
    auth_recovery_contact_send = Verb(recoveries.AuthRecoveryContactSend)
    auth_recovery_contact_confirm = Verb(recoveries.AuthRecoveryContactConfirm)
    auth_recovery_cancel = Verb(recoveries.AuthRecoveryCancel)
    auth_recovery_contest = Verb(recoveries.AuthRecoveryContest)
