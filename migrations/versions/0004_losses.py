"""When and why execs were lost, the last sign of life of a run, and when the clock was set."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _int(name: str, *extra: object, **options: object) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, *extra, nullable=False, **options)  # type: ignore[arg-type]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    op.execute("DROP VIEW runs")
    op.execute("PRAGMA legacy_alter_table = ON")  # other tables go on referring to `run`
    op.rename_table("run", "old_run")
    op.execute("PRAGMA legacy_alter_table = OFF")
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        *(_text(name) for name in ("kind", "host", "boot_id")),
        *(sa.Column(name, sa.Text) for name in ("kernel", "version")),
        *(sa.Column(name, sa.Integer) for name in ("started_ns", "ended_ns")),
        sa.Column("ended", sa.Text),
        *(_int(name, server_default="0") for name in ("seen", "stored", "filtered", "lost")),
        _int("pruned", server_default="0"),
        sa.Column("alive_ns", sa.Integer),
    )
    op.execute(f"INSERT INTO run SELECT old_run.*, {_ALIVE_NS} FROM old_run")
    op.drop_table("old_run")
    op.create_table(
        "loss",
        _int("run_id", sa.ForeignKey("run.id"), primary_key=True),
        _int("number", primary_key=True),
        _text("cause"),
        *(_int(name) for name in ("from_ns", "to_ns", "lost")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "clock_set",
        sa.Column("id", sa.Integer, primary_key=True),
        _int("run_id", sa.ForeignKey("run.id")),
        *(_int(name) for name in ("before_ns", "after_ns")),
    )
    for view in _VIEWS:
        op.execute(view)


# The end, else the last row, else the beginning.
_ALIVE_NS = """
coalesce(ended_ns,
         (SELECT max(last_boot_ns + offset_ns) FROM segment
          WHERE run_id = old_run.id AND first_id > 0),
         started_ns)
"""

_VIEWS = (
    """
CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version, pruned, alive_ns
FROM run WHERE kind = 'collect'
""".strip(),
    """
CREATE VIEW losses AS
SELECT loss.run_id AS run_id, run.host AS host, run.boot_id AS boot_id, loss.cause AS cause,
       loss.from_ns AS from_ns, strftime('%Y-%m-%dT%H:%M:%S', loss.from_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', loss.from_ns % 1000000000) AS from_time,
       loss.to_ns AS to_ns, strftime('%Y-%m-%dT%H:%M:%S', loss.to_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', loss.to_ns % 1000000000) AS to_time, loss.lost AS lost
FROM loss CROSS JOIN run ON run.id = loss.run_id
""".strip(),  # noqa: E501
)
