"""Sessions, the heart: the live right to speak for a person through a device.

Owns: the session record, its cookie (wire), CSRF, idle and absolute life, ending, the cache that answers
"is this session alive", and its own routes. Only this package opens a session. Owns no way of proving who
somebody is. Called by: login and enrolment (open), gateway and every guarded route (look), the command line.
"""
