"""Blocks tell what their rows took at most; an index has the rows without an end."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    execute("DROP TABLE long_block")
    execute(
        "CREATE TABLE peak_block (block INTEGER NOT NULL PRIMARY KEY,"
        " duration_ns INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, max_rss_kb INTEGER NOT NULL)"
    )
    execute(
        "INSERT INTO peak_block SELECT id >> 10, ifnull(max(duration_ns), 0),"
        " ifnull(max(cpu_ns), 0), ifnull(max(max_rss_kb), 0) FROM image GROUP BY id >> 10"
    )
    execute("CREATE INDEX image_running ON image (status) WHERE status IS NULL AND errno IS NULL")
