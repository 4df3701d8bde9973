"""The e-mail code as a login method: a code goes to an address by mail, and comes back from who reads it.

Owns challenges, their codes, budgets of guesses and letters. For devices it opens device sessions at the contract's
own paths (`device_routes`); in the browser it is a login method like every other (`method`). Called by app.
"""
