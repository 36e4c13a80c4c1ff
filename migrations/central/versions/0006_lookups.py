"""What questions look up: the events of a user on a host, and which runs have live replays."""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    "CREATE INDEX IF NOT EXISTS exec_uid ON execdb.exec (run_id, uid)",
    "CREATE TABLE IF NOT EXISTS execdb.replayed (run_id bigint PRIMARY KEY)",
    *(
        f"INSERT INTO execdb.replayed SELECT DISTINCT run_id FROM execdb.{table}"
        " WHERE cgroup LIKE '/execdb-replay-_%%' ON CONFLICT DO NOTHING"
        for table in ("exec", "exec_stray")
    ),
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
