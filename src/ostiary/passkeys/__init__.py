"""Passkeys: bindings of a person to a registered public key, and WebAuthn verification.

Owns: the `passkeys` table, the ceremonies (webauthn.py), labels and last use. Owns neither login nor the
question whether a passkey may go: "never the last way in" is asked in login. Called by: login's passkey
method, enrolment, and the account's passkey routes in login.
"""
