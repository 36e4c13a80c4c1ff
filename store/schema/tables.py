"""Tables and views as SQLAlchemy Core objects, for questions and migrations. What records does
without SQLAlchemy. `docs/schema.md` explains each column."""

from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text

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
    Column("pruned", Integer, nullable=False, server_default="0"),
    Column("alive_ns", Integer),  # until then it surely recorded
)

# When and why a run lost execs. `number` is the run's own.
loss = Table(
    "loss",
    metadata,
    Column("run_id", Integer, ForeignKey("run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("from_ns", Integer, nullable=False),
    Column("to_ns", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# The wall clock was set while a run recorded.
clock_set = Table(
    "clock_set",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("before_ns", Integer, nullable=False),
    Column("after_ns", Integer, nullable=False),
)

# Rows of `image` that follow one another: of one run, in order of boot_ns, the wall clock never
# set between them. What they refer to lies within one range of ids.
segment = Table(
    "segment",
    metadata,
    Column("first_id", Integer, primary_key=True),
    Column("last_id", Integer, nullable=False),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("offset_ns", Integer, nullable=False),  # time_ns - boot_ns
    Column("first_boot_ns", Integer, nullable=False),
    Column("last_boot_ns", Integer, nullable=False),
    Column("first_entry_id", Integer, nullable=False),
    Column("last_entry_id", Integer, nullable=False),
    Column("known_entry_ids", Text),  # of a closed one: see store/segments/blocks.py
)

# The dictionary: origin, program, argument and command take their ids from one sequence.
origin = Table(
    "origin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Integer, nullable=False),
    Column("euid", Integer, nullable=False),
    Column("gid", Integer, nullable=False),
    Column("loginuid", Integer),
    Column("sessionid", Integer),
    Column("tty", Text),
    Column("message", Text, nullable=False),
    Column("cwd", Text),
    Column("cgroup", Text),
)

program = Table(
    "program",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("comm", Text, nullable=False),
)

argument = Table(
    "argument",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", Text, nullable=False),  # a JSON string
)

command = Table(
    "command",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("program_id", Integer, ForeignKey("program.id"), nullable=False),
    Column("arguments", Text, nullable=False),  # ids, as a JSON array
    Column("argc", Integer, nullable=False),
    Column("truncated", Integer, nullable=False),
)

# Rows below 0 were not recorded: they ran when a collector started.
image = Table(
    "image",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("boot_ns", Integer, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("ppid", Integer, nullable=False),
    Column("origin_id", Integer, ForeignKey("origin.id"), nullable=False),
    Column("command_id", Integer, ForeignKey("command.id"), nullable=False),
    Column("parent_id", Integer),
    Column("status", Integer),  # as wait(2) has it; -1: ended by another exec of its process
    Column("duration_ns", Integer),
    Column("errno", Text),  # of an attempt that failed
    Column("caller", Text),
)

# Where to look for a pid, and for the children of a row: see store/schema/constants.py.
pid_block = Table(
    "pid_block",
    metadata,
    Column("pids", Integer, primary_key=True),  # pid >> 5
    Column("block", Integer, primary_key=True),
    sqlite_with_rowid=False,
)
child_block = Table(
    "child_block",
    metadata,
    Column("parents", Integer, primary_key=True),  # parent_id >> 6
    Column("block", Integer, primary_key=True),
    sqlite_with_rowid=False,
)

# In which blocks rows refer again to an entry of the dictionary: see store/segments/blocks.py.
entry_block = Table(
    "entry_block",
    metadata,
    Column("chunk", Integer, primary_key=True),
    Column("entry_id", Integer, primary_key=True),
    Column("blocks", Integer, nullable=False),  # bit n: block (chunk << 5) + n
    sqlite_with_rowid=False,
)

# What a bound on size took of whose events: see store/ledger/trimmed.py.
trimmed = Table(
    "trimmed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("what", Text, nullable=False),  # arguments, rows
    Column("uid", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("from_ns", Integer, nullable=False),
    Column("to_ns", Integer, nullable=False),
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


def _rfc3339(time_ns: str) -> str:
    """SQL that writes a time as store/event.py does."""
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', {time_ns} / 1000000000, 'unixepoch')\n"
        f"       || printf('.%09dZ', {time_ns} % 1000000000)"
    )


_TIME_NS = "(image.boot_ns + segment.offset_ns)"
_IMAGES = f"""
SELECT image.id AS id, segment.run_id AS run_id, {_TIME_NS} AS time_ns,
       {_rfc3339(_TIME_NS)} AS time,
       image.boot_ns AS boot_ns, run.boot_id AS boot_id, run.host AS host,
       image.pid AS pid, image.ppid AS ppid,
       origin.uid AS uid, origin.euid AS euid, origin.gid AS gid,
       origin.loginuid AS loginuid, origin.sessionid AS sessionid, origin.tty AS tty,
       program.comm AS comm, program.filename AS filename,
       (SELECT coalesce('[' || group_concat(text, ', ') || ']', '[]') FROM (
            SELECT argument.text AS text FROM json_each(command.arguments) AS place
            CROSS JOIN argument ON argument.id = place.value ORDER BY place.key)) AS argv,
       command.argc AS argc, command.truncated AS truncated,
       origin.cwd AS cwd, origin.cgroup AS cgroup, origin.message AS message,
       image.errno AS errno, image.caller AS caller,
       CASE WHEN image.status IS NULL THEN NULL WHEN image.status < 0 THEN 'exec'
            WHEN image.status & 127 THEN 'signal' ELSE 'exit' END AS ended,
       CASE WHEN image.status >= 0 AND image.status & 127 = 0
            THEN image.status >> 8 & 255 END AS exit_code,
       CASE WHEN image.status >= 0 THEN nullif(image.status & 127, 0) END AS signal,
       image.duration_ns AS duration_ns, image.parent_id AS parent_id
FROM image
CROSS JOIN segment ON segment.first_id = (
    SELECT max(first_id) FROM segment AS earlier WHERE earlier.first_id <= image.id)
CROSS JOIN run ON run.id = segment.run_id
CROSS JOIN origin ON origin.id = image.origin_id
CROSS JOIN command ON command.id = image.command_id
CROSS JOIN program ON program.id = command.program_id
""".strip()

VIEWS = {
    "execs": f"CREATE VIEW execs AS\n{_IMAGES}\nWHERE image.id > 0",
    "seen": f"CREATE VIEW seen AS\n{_IMAGES}\nWHERE image.id < 0",
    "runs": """
CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version, pruned, alive_ns
FROM run WHERE kind = 'collect'
""".strip(),
    "losses": f"""
CREATE VIEW losses AS
SELECT loss.run_id AS run_id, run.host AS host, run.boot_id AS boot_id, loss.cause AS cause,
       loss.from_ns AS from_ns, {_rfc3339("loss.from_ns")} AS from_time,
       loss.to_ns AS to_ns, {_rfc3339("loss.to_ns")} AS to_time, loss.lost AS lost
FROM loss CROSS JOIN run ON run.id = loss.run_id
""".strip(),
}
