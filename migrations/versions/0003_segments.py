"""Smaller rows: segments for time and run, arguments stored once, blocks in place of indexes."""

import json
import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BLOCK_BITS, PID_BITS, PARENT_BITS = 10, 5, 6


def upgrade() -> None:
    for view in ("execs", "seen"):
        op.execute(f"DROP VIEW {view}")
    for index in ("image_time", "image_pid", "image_parent"):
        op.drop_index(index, "image")
    for table in ("image", "command", "creds", "place"):
        op.rename_table(table, f"old_{table}")
    op.add_column("run", sa.Column("pruned", sa.Integer, nullable=False, server_default="0"))
    _create()
    connection = op.get_bind()
    _copy(connection)
    for table in ("image", "command", "creds", "place"):
        op.drop_table(f"old_{table}")
    op.execute(f"CREATE VIEW execs AS\n{IMAGES}\nWHERE image.id > 0")
    op.execute(f"CREATE VIEW seen AS\n{IMAGES}\nWHERE image.id < 0")


def _id(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True)


def _int(name: str, *extra: object) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, *extra, nullable=False)  # type: ignore[arg-type]


def _maybe(name: str, kind: Any = sa.Integer) -> sa.Column[object]:
    return sa.Column(name, kind)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _create() -> None:
    op.create_table(
        "segment",
        _id("first_id"),
        _int("last_id"),
        _int("run_id", sa.ForeignKey("run.id")),
        *(_int(name) for name in ("offset_ns", "first_boot_ns", "last_boot_ns")),
        *(_int(name) for name in ("first_entry_id", "last_entry_id")),
    )
    op.create_table(
        "origin",
        _id(),
        *(_int(name) for name in ("uid", "euid", "gid")),
        *(_maybe(name) for name in ("loginuid", "sessionid")),
        _maybe("tty", sa.Text),
        _text("message"),
        *(_maybe(name, sa.Text) for name in ("cwd", "cgroup")),
    )
    op.create_table("program", _id(), _text("filename"), _text("comm"))
    op.create_table("argument", _id(), _text("text"))
    op.create_table(
        "command",
        _id(),
        _int("program_id", sa.ForeignKey("program.id")),
        _text("arguments"),
        _int("argc"),
        _int("truncated"),
    )
    op.create_table(
        "image",
        _id(),
        *(_int(name) for name in ("boot_ns", "pid", "ppid")),
        _int("origin_id", sa.ForeignKey("origin.id")),
        _int("command_id", sa.ForeignKey("command.id")),
        *(_maybe(name) for name in ("parent_id", "status", "duration_ns")),
        *(_maybe(name, sa.Text) for name in ("errno", "caller")),
    )
    for table, key in (("pid_block", "pids"), ("child_block", "parents")):
        op.create_table(table, _id(key), _id("block"), sqlite_with_rowid=False)


# What the old tables hold, in the order of the rows. Rows that were seen, not recorded, come
# first and get ids below 0, in their own order.
_OLD = """
SELECT CASE seen WHEN 1 THEN (SELECT -count(*) FROM old_image AS later
                              WHERE later.seen = 1 AND later.id >= old_image.id)
                 ELSE id END AS new_id, *
FROM old_image ORDER BY new_id
"""


def _copy(connection: sa.Connection) -> None:
    """One dictionary for all of it: every segment refers to the whole range."""
    last_entry_id = _copy_dictionary(connection)
    connection.exec_driver_sql("CREATE TEMP TABLE renamed (old PRIMARY KEY, new)")
    connection.exec_driver_sql(
        f"INSERT INTO renamed SELECT id, new_id FROM ({_OLD}) WHERE id <> new_id"
    )
    connection.exec_driver_sql(
        "INSERT INTO image SELECT new_id, boot_ns, pid, ppid,"
        " (SELECT new FROM origin_of WHERE creds = creds_id AND place IS place_id), command_id,"
        " coalesce((SELECT new FROM renamed WHERE old = parent_id), parent_id),"
        f" status, duration_ns, errno, caller FROM ({_OLD})"
    )
    for table in ("renamed", "origin_of"):
        connection.exec_driver_sql(f"DROP TABLE temp.{table}")
    connection.exec_driver_sql(
        f"INSERT INTO pid_block SELECT DISTINCT pid >> {PID_BITS}, id >> {BLOCK_BITS} FROM image"
    )
    connection.exec_driver_sql(
        f"INSERT INTO child_block SELECT DISTINCT parent_id >> {PARENT_BITS}, id >> {BLOCK_BITS}"
        " FROM image WHERE parent_id IS NOT NULL"
    )
    _segments(connection, last_entry_id)


def _copy_dictionary(connection: sa.Connection) -> int:
    """Commands keep their ids, the rest follows behind them; returns the last one."""
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM old_command").scalar_one()
    connection.exec_driver_sql(
        "INSERT INTO program (id, filename, comm)"
        " SELECT ? + row_number() OVER (), filename, comm"
        " FROM (SELECT DISTINCT filename, comm FROM old_command)",
        (last,),
    )
    last = _last(connection, "program", last)
    arguments: dict[str, int] = {}
    old = "SELECT id, argv FROM old_command ORDER BY id"
    for number, argv in connection.exec_driver_sql(old).all():
        texts = list(map(_json, json.loads(argv)))
        ids = [arguments.setdefault(text, last + len(arguments) + 1) for text in texts]
        connection.exec_driver_sql(
            "INSERT INTO command SELECT id, (SELECT id FROM program"
            " WHERE program.filename = old_command.filename AND program.comm = old_command.comm),"
            " ?, argc, truncated FROM old_command WHERE id = ?",
            (json.dumps(ids, separators=(",", ":")), number),
        )
    if arguments:
        connection.exec_driver_sql(
            "INSERT INTO argument (text, id) VALUES (?, ?)", list(arguments.items())
        )
    last += len(arguments)
    connection.exec_driver_sql("CREATE TEMP TABLE origin_of (creds, place, new)")
    connection.exec_driver_sql(
        "INSERT INTO origin_of SELECT creds_id, place_id, ? + row_number() OVER ()"
        " FROM (SELECT DISTINCT creds_id, place_id FROM old_image)",
        (last,),
    )
    connection.exec_driver_sql(
        "INSERT INTO origin SELECT new, uid, euid, gid, loginuid, sessionid, tty, message,"
        " cwd, cgroup FROM origin_of JOIN old_creds ON old_creds.id = creds"
        " LEFT JOIN old_place ON old_place.id = place"
    )
    return _last(connection, "origin", last)


def _last(connection: sa.Connection, table: str, before: int) -> int:
    found = connection.exec_driver_sql(f"SELECT max(id) FROM {table}").scalar()
    return before if found is None else int(found)


def _json(argument: str) -> str:
    text = json.dumps(argument, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _segments(connection: sa.Connection, last_entry_id: int) -> None:
    """A new one wherever the run changes, the clock was set, time goes back, or an id is
    missing."""
    open_: list[int] | None = None
    found: list[list[int]] = []
    rows = connection.exec_driver_sql(
        f"SELECT new_id, run_id, time_ns - boot_ns, boot_ns FROM ({_OLD})"
    )
    for number, run_id, offset_ns, boot_ns in rows:
        if (
            open_ is None
            or open_[1] != number - 1
            or open_[2:4] != [run_id, offset_ns]
            or boot_ns < open_[5]
        ):
            open_ = [number, number, run_id, offset_ns, boot_ns, boot_ns, 1, last_entry_id]
            found.append(open_)
        open_[1], open_[5] = number, boot_ns
    if found:
        connection.exec_driver_sql(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(map(tuple, found))
        )


IMAGES = """
SELECT image.id AS id, segment.run_id AS run_id, (image.boot_ns + segment.offset_ns) AS time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', (image.boot_ns + segment.offset_ns) / 1000000000, 'unixepoch')
       || printf('.%09dZ', (image.boot_ns + segment.offset_ns) % 1000000000) AS time,
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
