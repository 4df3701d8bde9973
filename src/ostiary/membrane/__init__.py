"""The membrane: the operations of the contract `/v1/…`, each with its envelope, its refusals and its receipt.

Owns: the tables `human_challenges` (login attempts and other questions) and `session_bindings` (what a session was
issued for), the dialect, and who may call what. Owns no rule of sessions, passkeys or limits: it calls those who do.
Called by: app.
"""
