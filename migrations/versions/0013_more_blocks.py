"""Blocks also say where the children of a pid, failures and long durations are."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    connection = op.get_bind()
    for table, key, first, value in _TABLES:
        second = "block" if first == key else key
        connection.exec_driver_sql(
            f"CREATE TABLE {table} ({key} INTEGER NOT NULL, block INTEGER NOT NULL,"
            f" PRIMARY KEY ({first}, {second})) WITHOUT ROWID"
        )
        connection.exec_driver_sql(
            f"INSERT OR IGNORE INTO {table} ({key}, block)"
            f" SELECT {value}, id >> 10 FROM image WHERE {value} IS NOT NULL"
        )


# The name of each table, its column beside `block`, the one that comes first in its primary key,
# and the value of a row of `image`.
_TABLES = (
    ("ppid_block", "ppids", "ppids", "(ppid >> 5)"),
    (
        "failure_block",
        "failure",
        "block",
        "(CASE WHEN errno IS NOT NULL THEN -2 WHEN status > 0 THEN status END)",
    ),
    (
        "long_block",
        "length",
        "block",
        "nullif((duration_ns >> 30 > 0) + (duration_ns >> 36 > 0) + (duration_ns >> 42 > 0), 0)",
    ),
)
