"""Printed codes: one-time codes on paper, a second way to begin a recovery.

Owns: the table `recovery_codes`. Owns no run: a good code begins one in `recovery.contacts`. Called by: recovery.
"""
