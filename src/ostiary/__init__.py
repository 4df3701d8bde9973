"""Ostiary, a session authority: it keeps the door.

Owns: the server. Features are packages on numbered shelves; imports only go down
(docs/architecture.md). Called by: the command `ostiary` (cli) and nobody else;
clients use `ostiary_client`, which shares no code with this package.
"""

__version__ = "0.1.0"
