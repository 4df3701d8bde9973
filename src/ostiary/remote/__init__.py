"""Remote: services elsewhere that we ask over HTTP, and whether one of them is worth asking now.

Owns: one question and its answer within one bound of time, lines that are kept open, the breaker, and the secrets that
services elsewhere want to see. Owns no path and no body: a contract's words stand with who speaks it.
Called by: mail (the mail service), identities (the user service), app and doctor.
"""
