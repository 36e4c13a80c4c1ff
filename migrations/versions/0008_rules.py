"""Rules and limits of the config, and what they left out."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    "ALTER TABLE config_state ADD COLUMN next_rule INTEGER NOT NULL DEFAULT 1",
    """CREATE TABLE rule (
    number INTEGER NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL,
    action TEXT NOT NULL,
    terms TEXT NOT NULL,
    note TEXT
)""",
    """CREATE TABLE user_limit (
    uid INTEGER NOT NULL PRIMARY KEY,
    execs INTEGER,
    bytes INTEGER
)""",
    "INSERT INTO user_limit VALUES (-1, NULL, 2000000)",
    """CREATE TABLE filtered (
    run_id INTEGER NOT NULL REFERENCES run (id),
    number INTEGER NOT NULL,
    cause TEXT NOT NULL,
    rule INTEGER,
    uid INTEGER,
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID""",
    """CREATE VIEW filters AS
SELECT filtered.run_id AS run_id, run.host AS host, run.boot_id AS boot_id,
       filtered.cause AS cause, filtered.rule AS rule, filtered.uid AS uid,
       filtered.from_ns AS from_ns,
       strftime('%Y-%m-%dT%H:%M:%S', filtered.from_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', filtered.from_ns % 1000000000) AS from_time,
       filtered.to_ns AS to_ns,
       strftime('%Y-%m-%dT%H:%M:%S', filtered.to_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', filtered.to_ns % 1000000000) AS to_time,
       filtered.filtered AS filtered
FROM filtered CROSS JOIN run ON run.id = filtered.run_id""",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
