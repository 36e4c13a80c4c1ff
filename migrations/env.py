"""Alembic's entry: migrates on the connection that store/file/upgrade.py hands over, inside its
transaction."""

from alembic import context

from execdb.store.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller has opened a transaction and commits it
)
context.run_migrations()
