"""Services: who may ask the check, on which hosts, for which scopes, and what each may learn of a person.

Owns: registrations, their keys (kept as hashes) and their scope ids, which are never reused. Owns no session
and no answer: gateway asks here. Called by: gateway, the command line, and app.
"""
