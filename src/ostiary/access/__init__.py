"""Access: which roles and scopes a person holds.

Owns: the `grants` table. Owns no proof and no session: signing in grants nothing. Called by: enrolment
(the first administrator), sessions, gateway (the scopes that a service requires), and the command line.
"""
