"""The first revision. `0007_baseline.sql` is its schema, and never changes."""

from pathlib import Path

from alembic import op

from execdb.store.schema.definition import read_statements

revision = "0007"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in read_statements(Path(__file__).with_name("0007_baseline.sql")):
        if "TABLE alembic_version" not in statement:  # which Alembic has made
            connection.exec_driver_sql(statement)
