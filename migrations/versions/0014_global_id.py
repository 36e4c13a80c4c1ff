"""Runs of collectors get an id that no other file has, for the central store."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("ALTER TABLE run ADD COLUMN global_id INTEGER")
    connection.exec_driver_sql(
        "UPDATE run SET global_id = random() & 9223372036854775807 WHERE kind = 'collect'"
    )
