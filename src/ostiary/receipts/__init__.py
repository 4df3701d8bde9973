"""Receipts: the log. Every change and every refusal leaves one signed, unchangeable row.

Owns: the `receipts` table, the canonical bytes, the signature, the Merkle tree with its heads, proofs, export and
verification, and the counting of refusals at the door.
Owns no decision: it records what others decided. Called by: the vault (through the ledger that app hands
to it), the command line, the internal listener (proofs), and nobody else; features emit events instead.
"""
