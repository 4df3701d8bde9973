"""Invocation: what a service learns of its caller, as pure rules.

Owns: caller and person references, the epoch, the rule of disclosure. Owns no transport: gateway puts them into
headers. Called by: gateway, and services for the names of facts.
"""
