"""An index of the programs at the root of live replays, which every question looks for."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE INDEX exec_replay ON execdb.exec (run_id, id)"
        " WHERE filename = '/.execdb-replay/execdb-replay'"
    )
