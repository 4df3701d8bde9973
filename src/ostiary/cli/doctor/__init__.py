"""`ostiary doctor`: looks at everything that a server stands on and says in plain words what is wrong.

Owns: the examinations and their words. Changes nothing, makes nothing, and works without a database, without a
key, beside a running server. Called by: the shell.
"""
