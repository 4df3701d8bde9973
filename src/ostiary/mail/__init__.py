"""Mail: letters wait sealed in the outbox and leave by SMTP, by a mail service, or stay captured.

Owns: the tables `mail_outbox`, `mail_turns` and `mail_captured`, when a letter is tried again and when it is dropped.
Owns no words of a letter, no address book, no rule of who gets one. Called by: login methods, recovery, enrolment, app.
"""
