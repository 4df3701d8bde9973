"""Console: the pages that a person sees, rendered on the server, and the files they load.

Owns: templates, static files, and which page is shown to whom. Owns no rule: everything it shows comes from
the features, everything a person does goes through their operations. Called by: app.
"""
