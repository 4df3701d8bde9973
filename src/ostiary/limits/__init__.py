"""Limits: how often somebody may knock, counted by the server, and what stops whom.

Owns: the tables `limit_policies`, `limit_counters` and `evaluations`, the counting and the decision.
Owns no request, no hashing of addresses (the door does it) and no proof of presence. Called by: the
operations that count (login, evaluate), inside their own transaction, and the command line.
"""
