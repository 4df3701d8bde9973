"""Presence: challenges, and single-use proofs that the person was here just now.

Owns: the tables `challenges` and `presence`, the signed challenge, and the purposes that presence can
serve. Owns no way of proving (login methods do that). Called by: passkeys, login, enrolment, and every
act that asks for presence, inside that act's own transaction.
"""
