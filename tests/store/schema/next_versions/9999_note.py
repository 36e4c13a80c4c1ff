"""A made-up migration: a table, a column, and a view that is made again."""

from pathlib import Path

from alembic import op

from execdb.migrations import versions

revision = "9999"
down_revision = max(file.name[:4] for file in Path(versions.__path__[0]).glob("0*.py"))


def upgrade() -> None:
    connection = op.get_bind()
    for statement in (
        "CREATE TABLE note (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
        "ALTER TABLE config ADD COLUMN note_id INTEGER",
        "INSERT INTO note SELECT uid, 'about ' || message FROM config",
        "UPDATE config SET note_id = uid",
        "DROP VIEW runs",
        "CREATE VIEW runs AS SELECT id AS run_id, host FROM run",
    ):
        connection.exec_driver_sql(statement)
