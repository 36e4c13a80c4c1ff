"""The first schema of the central store."""

from alembic import op

from execdb.store.central.tables.ddl import baseline

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in baseline():
        connection.exec_driver_sql(statement)
