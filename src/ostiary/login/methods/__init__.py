"""Login methods, one folder each; they never import one another. See docs/login-methods.md."""
