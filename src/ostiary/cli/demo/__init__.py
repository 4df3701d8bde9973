"""`ostiary demo`: the whole life of a session, shown from outside against a real server of its own.

Owns: the story, the stage that tells it, a browser without a window, and a server in a temporary folder.
Owns no rule: it sees only what a browser, a service and an operator see. Called by: the shell.
"""
