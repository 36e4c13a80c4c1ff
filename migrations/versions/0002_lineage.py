"""Ends, parents, failed attempts, and who and where: login, terminal, directory, cgroup."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("DROP VIEW execs")
    op.create_table(
        "place",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cwd", sa.Text),
        sa.Column("cgroup", sa.Text),
    )
    for name in ("loginuid", "sessionid"):
        op.add_column("creds", sa.Column(name, sa.Integer))
    op.add_column("creds", sa.Column("tty", sa.Text))
    for name in ("place_id", "parent_id", "status", "duration_ns"):
        op.add_column("image", sa.Column(name, sa.Integer))
    for name in ("errno", "caller"):
        op.add_column("image", sa.Column(name, sa.Text))
    op.add_column("image", sa.Column("seen", sa.Integer))
    op.create_index("image_parent", "image", ["parent_id"])
    op.drop_index("image_command", "image")  # cost every exec a microsecond
    op.execute(f"CREATE VIEW execs AS\n{IMAGES}\nWHERE image.seen IS NULL")
    op.execute(f"CREATE VIEW seen AS\n{IMAGES}\nWHERE image.seen = 1")


IMAGES = """
SELECT image.id AS id, image.run_id AS run_id, image.time_ns AS time_ns, strftime('%Y-%m-%dT%H:%M:%S', image.time_ns / 1000000000, 'unixepoch') || printf('.%09dZ', image.time_ns % 1000000000) AS time,
       image.boot_ns AS boot_ns, run.boot_id AS boot_id, run.host AS host,
       image.pid AS pid, image.ppid AS ppid,
       creds.uid AS uid, creds.euid AS euid, creds.gid AS gid,
       creds.loginuid AS loginuid, creds.sessionid AS sessionid, creds.tty AS tty,
       command.comm AS comm, command.filename AS filename, command.argv AS argv,
       command.argc AS argc, command.truncated AS truncated,
       place.cwd AS cwd, place.cgroup AS cgroup, creds.message AS message,
       image.errno AS errno, image.caller AS caller,
       CASE WHEN image.status IS NULL THEN NULL WHEN image.status < 0 THEN 'exec'
            WHEN image.status & 127 THEN 'signal' ELSE 'exit' END AS ended,
       CASE WHEN image.status >= 0 AND image.status & 127 = 0
            THEN image.status >> 8 & 255 END AS exit_code,
       CASE WHEN image.status >= 0 THEN nullif(image.status & 127, 0) END AS signal,
       image.duration_ns AS duration_ns, image.parent_id AS parent_id
FROM image
JOIN run ON run.id = image.run_id
JOIN creds ON creds.id = image.creds_id
JOIN command ON command.id = image.command_id
LEFT JOIN place ON place.id = image.place_id
""".strip()  # noqa: E501
