"""Enrolment: the first administrator and invited people make their first passkey by a one-time link.

Owns: the `invitations` table and the link's life. Owns no passkey and no session: it calls those who do.
Called by: app (routes, the boot link), the command line.
"""
