"""Marks: notes in the history."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    connection = op.get_bind()
    for statement in (_TABLE, _VIEW):
        connection.exec_driver_sql(statement)


_TABLE = """
CREATE TABLE mark (
    id INTEGER NOT NULL PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    uid INTEGER,
    text TEXT NOT NULL
)
"""
_VIEW = """
CREATE VIEW marks AS
SELECT time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, text
FROM mark
"""
