"""Execs, interned commands and credentials, runs, config."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _int(name: str, *extra: object, **options: object) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, *extra, nullable=False, **options)  # type: ignore[arg-type]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    op.create_table(
        "run",
        _id(),
        _text("kind"),
        _text("host"),
        _text("boot_id"),
        sa.Column("kernel", sa.Text),
        sa.Column("version", sa.Text),
        sa.Column("started_ns", sa.Integer),
        sa.Column("ended_ns", sa.Integer),
        sa.Column("ended", sa.Text),
        *(_int(name, server_default="0") for name in ("seen", "stored", "filtered", "lost")),
    )
    op.create_table("creds", _id(), _int("uid"), _int("euid"), _int("gid"), _text("message"))
    op.create_table(
        "command",
        _id(),
        _text("filename"),
        _text("comm"),
        _text("argv"),
        _int("argc"),
        _int("truncated"),
    )
    op.create_table(
        "image",
        _id(),
        _int("run_id", sa.ForeignKey("run.id")),
        _int("time_ns"),
        _int("boot_ns"),
        _int("pid"),
        _int("ppid"),
        _int("creds_id", sa.ForeignKey("creds.id")),
        _int("command_id", sa.ForeignKey("command.id")),
    )
    op.create_index("image_time", "image", ["time_ns"])
    op.create_index("image_pid", "image", ["pid"])
    op.create_index("image_command", "image", ["command_id"])
    op.create_table(
        "config",
        sa.Column("uid", sa.Integer, primary_key=True, autoincrement=False),
        _text("message"),
    )
    op.create_table(
        "config_state",
        _id(),
        _text("default_message"),
        _int("generation"),
        _int("kernel_generation"),
    )
    op.execute("INSERT INTO config_state VALUES (1, 'Hello World', 1, 0)")
    op.execute(EXECS)
    op.execute(RUNS)


EXECS = """
CREATE VIEW execs AS
SELECT image.id AS id, image.run_id AS run_id, image.time_ns AS time_ns, strftime('%Y-%m-%dT%H:%M:%S', image.time_ns / 1000000000, 'unixepoch') || printf('.%09dZ', image.time_ns % 1000000000) AS time,
       image.boot_ns AS boot_ns, run.boot_id AS boot_id, run.host AS host,
       image.pid AS pid, image.ppid AS ppid,
       creds.uid AS uid, creds.euid AS euid, creds.gid AS gid,
       command.comm AS comm, command.filename AS filename, command.argv AS argv,
       command.argc AS argc, command.truncated AS truncated, creds.message AS message,
       NULL AS errno, NULL AS caller,
       NULL AS exit_code, NULL AS signal, NULL AS duration_ns, NULL AS parent_id
FROM image
JOIN run ON run.id = image.run_id
JOIN creds ON creds.id = image.creds_id
JOIN command ON command.id = image.command_id
"""  # noqa: E501

RUNS = """
CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version
FROM run WHERE kind = 'collect'
"""
