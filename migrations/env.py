"""Alembic's entry: migrates on the connection of store/file/upgrade.py, within its transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=False,  # the caller has begun a transaction and commits it
)
context.run_migrations()
