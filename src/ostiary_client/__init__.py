"""Python SDK of Ostiary: for services, tests and tools that speak to a running server.

Owns: `SoftPasskey`, a passkey in software that answers like a browser; the ASGI middleware; `require_presence`, for
acts that need a fresh proof of presence; the membrane's clients (these three: extra `client`). Shares no code with the
server package: what both must agree on is written down in tests/wire and in the standards. Called by people who build
on Ostiary.
"""
