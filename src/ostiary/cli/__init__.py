"""The command line: one file per command, loaded when it is called.

Owns: arguments, terminal output, exit codes. Owns no rule: a command opens the house as the server does
and calls the same use cases, through the vault. Called by: the shell.
"""
