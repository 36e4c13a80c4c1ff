"""Columns of two tables in the order of their primary keys.

SQLite's own quick_check (before 3.41) reads others as NULL, and takes the file for damaged.
"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    for table, key in (("failure_block", "failure"), ("long_block", "length")):
        execute(f"ALTER TABLE {table} RENAME TO old_block")
        execute(
            f"CREATE TABLE {table} (block INTEGER NOT NULL, {key} INTEGER NOT NULL,"
            f" PRIMARY KEY (block, {key})) WITHOUT ROWID"
        )
        execute(f"INSERT INTO {table} (block, {key}) SELECT block, {key} FROM old_block")
        execute("DROP TABLE old_block")
