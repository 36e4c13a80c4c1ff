"""Tables and views as SQLAlchemy Core objects. `docs/schema.md` explains each column."""

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, Table, Text

APPLICATION_ID = 0x45584442  # "EXDB"
REVISION = "0002"  # the newest under migrations/versions; a test compares them

metadata = MetaData()

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "kind", Text, nullable=False
    ),  # collect: a collector life; import: events from elsewhere
    Column("host", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("kernel", Text),
    Column("version", Text),
    Column("started_ns", Integer),
    Column("ended_ns", Integer),
    Column("ended", Text),  # clean, crashed; null while it runs
    Column("seen", Integer, nullable=False, server_default="0"),
    Column("stored", Integer, nullable=False, server_default="0"),
    Column("filtered", Integer, nullable=False, server_default="0"),
    Column("lost", Integer, nullable=False, server_default="0"),
)

creds = Table(
    "creds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Integer, nullable=False),
    Column("euid", Integer, nullable=False),
    Column("gid", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("loginuid", Integer),
    Column("sessionid", Integer),
    Column("tty", Text),
)

place = Table(
    "place",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cwd", Text),
    Column("cgroup", Text),
)

command = Table(
    "command",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("comm", Text, nullable=False),
    Column("argv", Text, nullable=False),  # a JSON array
    Column("argc", Integer, nullable=False),
    Column("truncated", Integer, nullable=False),
)

image = Table(
    "image",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("time_ns", Integer, nullable=False),
    Column("boot_ns", Integer, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("ppid", Integer, nullable=False),
    Column("creds_id", Integer, ForeignKey("creds.id"), nullable=False),
    Column("command_id", Integer, ForeignKey("command.id"), nullable=False),
    Column("place_id", Integer),  # null in rows older than the column
    Column("parent_id", Integer),
    Column("status", Integer),  # as wait(2) has it; -1: ended by another exec of its process
    Column("duration_ns", Integer),
    Column("errno", Text),  # of an attempt that failed
    Column("caller", Text),
    Column("seen", Integer),  # 1: not recorded, but running when a collector started
    Index("image_time", "time_ns"),
    Index("image_pid", "pid"),
    Index("image_parent", "parent_id"),
)

config = Table(
    "config",
    metadata,
    Column("uid", Integer, primary_key=True, autoincrement=False),
    Column("message", Text, nullable=False),
)

# One row. `generation` counts changes of the config; `kernel_generation` is the one that a
# collector has put into the kernel's map.
config_state = Table(
    "config_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("default_message", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("kernel_generation", Integer, nullable=False),
)

_TIME = (
    "strftime('%Y-%m-%dT%H:%M:%S', image.time_ns / 1000000000, 'unixepoch')"
    " || printf('.%09dZ', image.time_ns % 1000000000)"
)
_IMAGES = f"""
SELECT image.id AS id, image.run_id AS run_id, image.time_ns AS time_ns, {_TIME} AS time,
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
""".strip()

VIEWS = {
    "execs": f"CREATE VIEW execs AS\n{_IMAGES}\nWHERE image.seen IS NULL",
    "seen": f"CREATE VIEW seen AS\n{_IMAGES}\nWHERE image.seen = 1",
    "runs": """
CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version
FROM run WHERE kind = 'collect'
""".strip(),
}
