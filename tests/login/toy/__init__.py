"""A login method for the tests and for docs/login-methods.md: a doorkeeper outside knows everybody's word.

Owns: the two request bodies, the question to the doorkeeper, the step from their answer to a Proof. Called by:
the login contract, and whoever learns how a method is made.
"""
