"""Web: operations as data, the door in front of each, cookies, the client's address, error envelopes.

Owns: how a declared operation becomes a route, what is refused before any rule is asked, and which HTTP
status and words a refusal gets. Owns no session and no store: the guard is handed in by app. Called by:
every feature's `routes`, console, gateway, and app.
"""
