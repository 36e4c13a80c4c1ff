"""Blocks tell how many of their rows failed, and how."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    execute("DROP TABLE failure_block")
    execute(
        "CREATE TABLE failure_block (block INTEGER NOT NULL, failure INTEGER NOT NULL,"
        " count INTEGER NOT NULL, PRIMARY KEY (block, failure)) WITHOUT ROWID"
    )
    execute(
        "INSERT INTO failure_block SELECT id >> 10,"
        " CASE WHEN errno IS NULL THEN status ELSE -2 END, count(*)"
        " FROM image WHERE errno IS NOT NULL OR status > 0 GROUP BY 1, 2"
    )
