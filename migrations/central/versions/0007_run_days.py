"""On which days a run has events, and of whom, so that questions leave the other days alone; and an
index of programs."""

from alembic import op

revision = "0007"
down_revision = "0006"

# As execdb.note_days() does it for what is added from now on.
_OF_BEFORE = """
WITH event AS (
    SELECT run_id, (time AT TIME ZONE 'UTC')::date AS day, id, uid, parent_id FROM execdb.exec),
span AS MATERIALIZED (
    SELECT run_id, day, min(id) AS first_id, max(id) AS last_id, array_agg(DISTINCT uid) AS uids
    FROM event GROUP BY run_id, day),
other AS (
    SELECT run_id, day, array_agg(DISTINCT parent_id) AS parents
    FROM event JOIN span USING (run_id, day)
    WHERE parent_id < first_id OR parent_id > last_id GROUP BY run_id, day)
INSERT INTO execdb.run_day
SELECT run_id, day, first_id, last_id, CASE WHEN cardinality(uids) <= 100 THEN uids END,
    CASE WHEN parents IS NULL THEN '{}' WHEN cardinality(parents) <= 1000 THEN parents END
FROM span LEFT JOIN other USING (run_id, day)
ON CONFLICT DO NOTHING
"""
_STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS execdb.run_day ("
    " run_id bigint NOT NULL, day date NOT NULL, first_id bigint NOT NULL,"
    " last_id bigint NOT NULL, uids bigint[], parents bigint[], PRIMARY KEY (run_id, day))",
    _OF_BEFORE,
    "CREATE INDEX IF NOT EXISTS exec_comm ON execdb.exec (comm)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
