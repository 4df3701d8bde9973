"""Gateway: the check that proxies and services make on every request, and the internal listener's other answers.

Owns: `/check`, its answer headers, health and metrics. Owns no session: it asks sessions' liveness.
Called by: app, which puts it on the internal listener, in front of every framework.
"""
