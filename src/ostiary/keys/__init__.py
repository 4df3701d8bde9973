"""Keys: the key-encryption key, sealing, one stored key per purpose, rotation.

Owns: the `keys` table, the keyring in memory, and how values are sealed at rest. Owns no use of a key:
signing cookies belongs to sessions, signing receipts to receipts. Called by: every feature that
signs, hashes or seals, and by app at boot.
"""
