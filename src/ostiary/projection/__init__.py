"""The projection: device sessions as gateways read them in Redis (or Valkey). Never the truth, rebuilt from it at will.

Owns: the keys and the stream there, how a session is written, and how what waits is brought up to date.
Owns no session and no table: the truth and the set of what waits are below. Called by: app, chores, the command line.
"""
