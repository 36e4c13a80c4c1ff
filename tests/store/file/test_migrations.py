"""Databases of older revisions that hold something: after an upgrade it reads the same."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from execdb.store.config.table import ConfigTable
from execdb.store.file.database import open_database
from execdb.store.file.upgrade import _alembic
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.schema import definition
from execdb.store.schema.constants import APPLICATION_ID
from execdb.store.writing.marks import Mark, add_mark
from tests.conftest import an_exec, recorded, schema_of, upgraded
from tests.store.terms.test_parse import READER

ROW_OF_0007 = """
INSERT INTO run (id, kind, host, boot_id, started_ns) VALUES (1, 'collect', 'workshop', 'boot', 7);
INSERT INTO origin VALUES (1, 501, 501, 501, NULL, NULL, 'pts/3', 'Hi user 501!', '/', '/');
INSERT INTO program VALUES (2, '/usr/bin/true', 'true');
INSERT INTO argument VALUES (3, '"true"');
INSERT INTO command VALUES (4, 2, '[3]', 1, 0);
INSERT INTO image VALUES (1, 1000, 23, 5, 501, 1, 2, 4, NULL, 0, 11, NULL, NULL);
INSERT INTO segment VALUES (1, 1, 1, 100, 900, 900, 1, 4);
INSERT INTO config VALUES (501, 'Hi user 501!');
"""


def made(path: Path, revision: str, rows: str) -> Path:
    """A database of an older revision with these rows."""
    from alembic import command

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with _alembic(connection) as config:
            command.upgrade(config, revision)
        connection.executescript(rows)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


def test_events_of_0007_do_not_know_their_generation(own_database: Path) -> None:
    upgraded(made(own_database, "0007", ROW_OF_0007))
    assert schema_of(own_database) == definition.sql_by_name()
    with open_database(own_database) as database:
        (event,) = History(database).events(Filter())
    assert (event.pid, event.message, event.argv) == (23, "Hi user 501!", ("true",))
    assert (event.exit_code, event.duration_ns, event.config_generation) == (0, 11, 0)


# The same, a program that ran before, and an attempt that failed.
ROWS_OF_0007 = (
    ROW_OF_0007
    + """
INSERT INTO segment VALUES (-1, -1, 1, 100, 700, 700, 1, 4);
INSERT INTO image VALUES (-1, 800, 19, 1, 501, 1, 2, 4, NULL, NULL, NULL, NULL, NULL);
INSERT INTO image VALUES (2, 1013, 29, 23, 501, 1, 2, 4, 1, NULL, NULL, 'EPERM', 'sh');
UPDATE segment SET last_id = 2, last_boot_ns = 913 WHERE first_id = 1;
INSERT INTO origin_block VALUES (1, 0);
INSERT INTO program_block VALUES (2, 0);
"""
)
UNKNOWN = {
    "exe": None, "exe_device": None, "exe_inode": None, "exe_deleted": False, "cwd_deleted": False,
    "container": None, "pid_ns": None, "mnt_ns": None, "user_ns": None, "cpu_ns": None,
    "max_rss_kb": None, "config_generation": 0,
}  # fmt: skip


def rows(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM images ORDER BY id")]


def test_events_of_0007_lack_what_really_ran(own_database: Path) -> None:
    before = rows(made(own_database, "0007", ROWS_OF_0007))
    assert [row["id"] for row in before] == [-1, 1, 2]
    upgraded(own_database)
    assert schema_of(own_database) == definition.sql_by_name()
    assert rows(own_database) == [row | UNKNOWN | {"ns_pid": row["pid"]} for row in before]
    with open_database(own_database) as database:
        events = list(History(database).events(Filter()))
    for event, row in zip(events, before[1:], strict=True):
        assert (event.id, event.pid, event.ns_pid) == (row["id"], row["pid"], row["pid"])
        assert {name: getattr(event, name) for name in UNKNOWN} == UNKNOWN
        assert event.duration_ns == row["duration_ns"]


def test_recording_continues_in_an_upgraded_file(own_database: Path) -> None:
    upgraded(made(own_database, "0007", ROWS_OF_0007))
    with open_database(own_database) as database:
        recorded(database, [an_exec(23, exe="/bin/ls", exe_inode=7, ns_pid=3)])
        *_, last = History(database).events(Filter())
    assert (last.id, last.exe, last.exe_inode, last.ns_pid) == (3, "/bin/ls", 7, 3)
    assert rows(own_database)[-1]["exe_inode"] == 7


def test_blocks_of_older_rows_are_told(own_database: Path) -> None:
    """Questions that read only some blocks find what was recorded before there were any."""
    made(
        own_database,
        "0012",
        """
INSERT INTO run (id, kind, host, boot_id, started_ns) VALUES (1, 'collect', 'workshop', 'boot', 7);
INSERT INTO origin (id, uid, euid, gid, message) VALUES (1, 0, 0, 0, 'Hello World');
INSERT INTO program (id, filename, comm) VALUES (2, '/usr/bin/true', 'true');
INSERT INTO command VALUES (4, 2, '[]', 0, 0);
WITH RECURSIVE row (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM row WHERE id < 5000)
INSERT INTO image (id, time_ns, pid, ppid, uid, origin_id, program_id, command_id, status,
                   duration_ns, errno)
SELECT id, 100 + id, 23, 5 + (id = 3001) * 90, 0, 1, 2, 4,
       CASE id WHEN 2001 THEN NULL WHEN 4001 THEN 9 ELSE 0 END, 1 + (id = 1009) * 4000000000,
       CASE id WHEN 2001 THEN 'EPERM' END FROM row;
INSERT INTO segment VALUES (1, 5000, 1, 100, 1, 5000, 1, 4);
""",
    )
    upgraded(own_database)
    asked = {"ppid=95": 3001, "signal=9": 4001, "errno!=null": 2001, "duration=2s..": 1009}
    with open_database(own_database) as database:
        for term, id_ in asked.items():
            events = History(database).events(Filter(READER.terms([term])))
            assert [event.id for event in events] == [id_], term
        assert database.check() is None
    with closing(sqlite3.connect(own_database)) as connection:
        failures = connection.execute("SELECT failure, block, count FROM failure_block").fetchall()
        assert failures == [(-2, 2001 >> 10, 1), (9, 4001 >> 10, 1)]
        peaks = connection.execute("SELECT block, duration_ns FROM peak_block").fetchall()
        assert peaks == [(0, 4_000_000_001), *((block, 1) for block in range(1, 5))]
        assert connection.execute("SELECT count(*) FROM ppid_block").fetchone() == (6,)


def test_runs_of_collectors_get_a_number_of_their_own(own_database: Path) -> None:
    rows = (
        "INSERT INTO run (id, kind, host, boot_id) VALUES (1, 'collect', 'h', 'b'),"
        " (2, 'collect', 'h', 'b'), (3, 'import', 'h', 'b');"
    )
    upgraded(made(own_database, "0012", rows))
    assert schema_of(own_database) == definition.sql_by_name()
    with open_database(own_database) as database, database.reading() as connection:
        numbers = [n for (n,) in connection.execute("SELECT global_id FROM run ORDER BY id")]
    assert numbers[2] is None
    assert 0 <= min(numbers[:2]) < max(numbers[:2]) < 2**63


CONFIG_OF_0010 = """
UPDATE config_state SET generation = 7, kernel_generation = 5;
INSERT INTO config VALUES (501, 'Hi user 501!');
INSERT INTO rule VALUES (3, 1, 'ignore', '["comm=sed"]', NULL);
"""


def test_a_config_of_0010_has_a_log_from_then_on(own_database: Path) -> None:
    path = made(own_database, "0010", CONFIG_OF_0010)
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT * FROM config_state").fetchone()
    upgraded(path)
    assert schema_of(path) == definition.sql_by_name()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM config_state").fetchone() == (*before, 1)
        assert connection.execute("SELECT * FROM config_log").fetchall() == []
    with open_database(path) as database:
        table = ConfigTable(database)
        assert table.read().entries == {501: "Hi user 501!"}
        assert table.set(502, "hello") > 7
    with closing(sqlite3.connect(path)) as connection:
        logged = connection.execute("SELECT action, subject, after FROM config_log").fetchall()
    assert logged[0] == ("found", "uid 501", "Hi user 501!")
    assert logged[-1] == ("set", "uid 502", "hello")
    assert len(logged) == 3  # and the rule


CHANGE_OF_0011 = """
INSERT INTO config_change (generation, time_ns, uid, action, subject, after)
VALUES (2, 1000000000, 1000, 'set', 'uid 501', 'Hi user 501!');
"""


def test_a_log_of_0011_stays_and_marks_can_be_left(own_database: Path) -> None:
    path = made(own_database, "0011", CHANGE_OF_0011)
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT * FROM config_log").fetchall()
    assert len(before) == 1
    upgraded(path)
    assert schema_of(path) == definition.sql_by_name()
    with open_database(path) as database:
        add_mark(database, Mark(2_000_000_000, None, "after the upgrade"))
    with closing(sqlite3.connect(path)) as connection:
        log = connection.execute("SELECT * FROM config_log").fetchall()
        assert log == [(*row, None) for row in before]  # without a host: nothing was recorded
        assert connection.execute("SELECT time_ns, text FROM marks").fetchall() == [
            (2_000_000_000, "after the upgrade")
        ]


RUN_OF_0014 = """
INSERT INTO run (kind, host, boot_id, started_ns, global_id) VALUES
('collect', 'workshop', 'b', 1000000000, 23), ('import', 'elsewhere', 'c', NULL, NULL);
INSERT INTO mark (time_ns, uid, text) VALUES (1000000000, 501, 'deploy');
"""


def test_runs_and_marks_of_0014_are_those_of_this_machine(own_database: Path) -> None:
    path = made(own_database, "0014", RUN_OF_0014)
    with closing(sqlite3.connect(path)) as connection:
        runs = connection.execute("SELECT * FROM runs").fetchall()
        marks = connection.execute("SELECT * FROM marks").fetchall()
    assert (len(runs), len(marks)) == (1, 1)
    upgraded(path)
    assert schema_of(path) == definition.sql_by_name()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM runs").fetchall() == runs
        after = connection.execute("SELECT * FROM marks").fetchall()
    assert after == [(*row, "workshop") for row in marks]
