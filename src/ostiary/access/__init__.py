"""Access: which roles a person holds.

Owns: the `grants` table. Owns no proof and no session: signing in grants nothing. Called by: enrolment
(the first administrator), sessions' account answer, and the command line.
"""
