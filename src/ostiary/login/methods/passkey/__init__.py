"""The passkey method: a WebAuthn assertion by a discoverable, user-verified credential.

Owns: the two request bodies and the step from a verified assertion to a Proof. Owns no verification
(passkeys does it). Called by: login's registry.
"""
