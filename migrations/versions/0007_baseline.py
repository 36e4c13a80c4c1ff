"""The first revision: everything in `store/schema/schema.sql`.

Before that file is changed for a second revision, a copy of it is put beside this one: see
CONTRIBUTING.md.
"""

from pathlib import Path

from alembic import op

from execdb.store import schema
from execdb.store.schema.definition import read_statements

revision = "0007"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in read_statements(Path(schema.__path__[0], "schema.sql")):
        if "TABLE alembic_version" not in statement:  # which Alembic has made
            connection.exec_driver_sql(statement)
