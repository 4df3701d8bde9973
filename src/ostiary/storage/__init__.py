"""Storage: the vault. One visible transaction, group commit, and the outbox that evictions follow.

Owns: connections, transactions, statements compiled once, the turnstile between processes,
migrations, and the classification of every store fault. Owns no table of a feature (each feature
declares its own in its `store`). Called by: every feature through `Tx`, and app, which picks a vault.
"""
