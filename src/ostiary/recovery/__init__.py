"""Recovery: who lost every passkey proves a contact, waits, and replaces the passkey; nothing else of them changes.

Owns: the tables `recovery_policies`, `recovery_contacts`, `recovery_attempts`, `recovery_runs` and `recovery_codes`,
the waiting, the notices, cancelling and contesting. Owns no passkey and no session: it asks those who do to hold and
to end them. It grants nothing. Called by: membrane, console, app.
"""
