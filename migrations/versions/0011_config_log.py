"""A log of the changes of the config."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    connection = op.get_bind()
    for statement in (_COLUMN, _TABLE, _VIEW):
        connection.exec_driver_sql(statement)


_COLUMN = "ALTER TABLE config_state ADD COLUMN logged_from INTEGER NOT NULL DEFAULT 1"
_TABLE = """
CREATE TABLE config_change (
    id INTEGER NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    uid INTEGER,
    loginuid INTEGER,
    tty TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT
)
"""
_VIEW = """
CREATE VIEW config_log AS
SELECT generation, time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, loginuid, tty, action, subject, before, after
FROM config_change
"""
