"""Sessions of devices: an Ed25519 key that never leaves its device, opened by an e-mail code.

Owns their table, their life and what gateways are told of them. Who may open one is the login method's to say.
Called by login, gateway, projection and the command line.
"""
