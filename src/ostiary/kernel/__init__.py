"""Kernel: the values and the small laws that every shelf above speaks.

Owns: clock, ids, randomness, refusals, errors, and the values Scope, Caller, Proof, Event.
Owns no I/O and imports nothing of ours. Called by everybody.
"""
