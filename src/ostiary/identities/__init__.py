"""Identities: tenants, people, their devices, and the names that clients give to things.

Owns: the tables `tenants`, `people`, `refs` and `devices`, and how an e-mail address is normalised, hashed and sealed.
Owns no way in (passkeys), no right (access), no session. Called by: access, enrolment, login, sessions, membrane, cli.
"""
