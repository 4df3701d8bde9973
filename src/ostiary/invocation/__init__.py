"""Invocation: what a service learns of its caller, as pure rules.

Owns: the caller reference and its epoch. Owns no transport: gateway puts them into headers. Called by: gateway.
"""
