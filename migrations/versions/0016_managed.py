"""The config may come from a central store."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("""CREATE TABLE managed (
    generation INTEGER NOT NULL PRIMARY KEY,
    store TEXT NOT NULL,
    central_generation INTEGER NOT NULL
)""")
