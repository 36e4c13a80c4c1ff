"""What was removed from the central store: how many events of each run on each day."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE TABLE execdb.dropped ("
        " run_id bigint NOT NULL, day date NOT NULL, events bigint NOT NULL,"
        " dropped_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run_id, day))"
    )
