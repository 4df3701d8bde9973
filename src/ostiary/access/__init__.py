"""Access: which roles, scopes and standings a person holds, and which keys a tenant's programs have.

Owns: the tables `grants`, `standings` and `client_keys`. Owns no proof and no session: signing in grants nothing.
Called by: enrolment (the first administrator), sessions, gateway (the scopes that a service requires), membrane, and
the command line.
"""
