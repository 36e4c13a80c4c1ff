"""Alembic's entry: migrates within the transaction of store/central/tables/upgrade.py."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="execdb",
    transactional_ddl=False,  # the caller has begun a transaction and commits it
)
context.run_migrations()
