"""Identities: tenants and people.

Owns: the tables `tenants` and `people`, and how an e-mail address is normalised, hashed and sealed.
Owns no way in (passkeys), no right (access), no session. Called by: enrolment, login, sessions, the command line.
"""
