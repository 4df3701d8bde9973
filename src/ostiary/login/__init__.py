"""Login: how a person gets in. Attempts, one dispatcher, one registry; a method is a folder under methods/.

Owns: the attempt's state table (flow), the method protocol, presence by re-running a method, and removing a
way in (only here is it known which is the last). Owns no session: it hands a Proof to sessions. Called by:
app (routes) and enrolment (the pre-login cookie).
"""
