"""Run by Alembic; `storage.schema` hands in a connection that holds the lock and owns the transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
