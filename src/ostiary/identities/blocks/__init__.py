"""Blocks: people and addresses that may do nothing.

Owns the table `blocks` and `people.blocked_at`, which says in one look whether any block stands over a person. Ends no
session (`sessions.blocking` does, in the same transaction) and lifts none. Called by identities, sessions, cli.
"""
