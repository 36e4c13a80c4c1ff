"""Runs, marks and changes of the config of other files, which were merged into this one."""

from alembic import op

revision = "0015"
down_revision = "0014"

_STATEMENTS = (
    "DROP VIEW runs",
    "DROP VIEW marks",
    "DROP VIEW config_log",
    """CREATE TABLE merged_mark (
    host TEXT NOT NULL,
    id INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    uid INTEGER,
    text TEXT NOT NULL,
    PRIMARY KEY (host, id, time_ns)
) WITHOUT ROWID""",
    """CREATE TABLE merged_config_change (
    host TEXT NOT NULL,
    id INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    uid INTEGER,
    loginuid INTEGER,
    tty TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (host, id, time_ns)
) WITHOUT ROWID""",
    """CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version, pruned, alive_ns
FROM run WHERE kind <> 'import'""",
    """CREATE VIEW marks AS
SELECT time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, text,
       (SELECT host FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1) AS host
FROM mark
UNION ALL
SELECT time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, text, host
FROM merged_mark""",
    """CREATE VIEW config_log AS
SELECT generation, time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, loginuid, tty, action, subject, before, after,
       (SELECT host FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1) AS host
FROM config_change
UNION ALL
SELECT generation, time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, loginuid, tty, action, subject, before, after, host
FROM merged_config_change""",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
