"""query --follow: reads what another connection writes. The recorder here is a second connection;
tests/kernel has the real one."""

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execdb.cli.show.json_lines import ndjson
from execdb.store.account import Account, Loss
from execdb.store.event import REPLACED
from execdb.store.fields import at_exec
from execdb.store.file.database import Database
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Run, refused
from tests.cli.session.followed import SECOND_NS, Follow, lines, write
from tests.cli.terminal import on_terminal
from tests.conftest import MACHINE, START_NS, an_exec, counts, recorded
from tests.store.writing.recordings import end, key


def last_words(lines: list[str]) -> list[str]:
    return [line.split()[-1] for line in lines]


def test_shows_only_what_comes_until_ctrl_c(follow: Follow, database: Database) -> None:
    recording = recorded(database, [an_exec(0)])
    process = follow()
    write(recording, 1, 2)
    assert last_words(lines(process, 2)) == ["1", "2"]
    write(recording, 3)
    assert last_words(lines(process, 1)) == ["3"]
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("more", [(), ("--wide",)])
def test_lines_fit_the_terminal(database: Database, more: tuple[str, ...]) -> None:
    recording = recorded(database, [])
    words = ("-v",) * 40
    recording.write([an_exec(1, argv=("before", *words, "end"))], [], counts(1))
    with on_terminal("--db", database.path, "query", "--follow", "--limit=5", *more) as terminal:
        terminal.wait_for("before")
        recording.write([an_exec(2, argv=("after", *words, "end"))], [], counts(2))
        terminal.wait_for("after")
        terminal.press("\x03")
        shown, code = terminal.end()
    found = [line for line in shown.splitlines() if " -v" in line]
    assert (len(found), code) == (2, 0)
    assert all((len(line) > 100) == bool(more) == line.endswith("end") for line in found)


def test_the_history_asked_for_comes_first(follow: Follow, database: Database) -> None:
    recording = recorded(database, [])
    write(recording, 1, 2, 3)
    process = follow("--limit", "2")
    assert last_words(lines(process, 2)) == ["2", "3"]
    write(recording, 4)
    assert last_words(lines(process, 1)) == ["4"]


def test_prints_the_lines_of_a_collector(follow: Follow, database: Database) -> None:
    recording = recorded(database, [])
    process = follow("--format", "ndjson")
    parent = an_exec(1, argv=("\x1b[31mred", "\udcff"))
    child = an_exec(2, parent=key(parent))
    ids = recording.write([parent, child], [end(child, 5, 0)], counts(2))
    shown = [
        at_exec(each, number, recording.run_id, MACHINE.boot_id, MACHINE.host, by)
        for each, number, by in zip((parent, child), ids, (None, ids[0]), strict=True)
    ]
    assert lines(process, 2) == list(ndjson(shown))


def test_what_is_asked_about_the_end_is_shown_at_the_end(
    follow: Follow, database: Database
) -> None:
    recording = recorded(database, [])
    process = follow("--failed", "--format", "ndjson")
    execs = [an_exec(n) for n in range(1, 5)]
    ends = [end(each, 7, status) for each, status in zip(execs, (0, 256, REPLACED), strict=False)]
    recording.write(execs, ends[:1], counts(4))
    recording.write([an_exec(5, errno="ENOENT")], ends[1:], counts(5))
    found = [json.loads(line) for line in lines(process, 2)]
    assert [(each["pid"], each["errno"], each["exit_code"]) for each in found] == [
        (1005, "ENOENT", None),
        (1002, None, 1),
    ]


def test_descendants_of_a_program_are_followed(follow: Follow, database: Database) -> None:
    shell = an_exec(0)
    recording = recorded(database, [shell])
    process = follow("--descendants-of", "1")
    child = an_exec(1, parent=key(shell))
    recording.write([child, an_exec(2), an_exec(3, parent=key(child))], [], counts(4))
    assert [line.split()[1] for line in lines(process, 2)] == ["1001", "1003"]


def test_gaps_are_said_where_they_happen(follow: Follow, database: Database) -> None:
    recording = recorded(database, [])
    process = follow("--strict")
    assert process.stderr is not None
    loss = Loss(1, "ring full", START_NS, START_NS + SECOND_NS, 23)
    recording.write([an_exec(1)], [], counts(1, lost=23), Account(losses=[loss]))
    assert process.stderr.readline().startswith("note: 23 execs were lost from ")
    recording.finish(START_NS + SECOND_NS, counts(1, lost=23))
    assert process.stderr.readline().startswith("note: the collector ended at ")
    later = Recording(database, MACHINE, "0", START_NS + 2 * SECOND_NS)
    assert process.stderr.readline().endswith(" (no collector was running)\n")
    crashed = Recording(database, MACHINE, "0", START_NS + 3 * SECOND_NS)
    assert process.stderr.readline().endswith(" (the collector had crashed)\n")
    write(crashed, 5)
    assert len(lines(process, 2)) == 2
    assert later.run_id < crashed.run_id
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 3


def test_survives_that_rows_are_removed_and_the_file_is_vacuumed(
    follow: Follow, database: Database, db: Path
) -> None:
    recording = recorded(database, [an_exec(0)])
    process = follow("--ends")
    write(recording, 1, 2)
    assert len(lines(process, 2)) == 2
    with closing(sqlite3.connect(db)) as other:
        other.execute("DELETE FROM image WHERE id < 3")
        other.execute("UPDATE run SET pruned = 2")
        other.execute("UPDATE segment SET first_id = 3")
        other.commit()
        other.execute("VACUUM")
    write(recording, 3)
    assert last_words(lines(process, 1)) == ["3"]


def test_a_replaced_file_ends_it_with_a_line(
    follow: Follow, database: Database, db: Path, template: Path
) -> None:
    process = follow()
    copy = db.with_name("copy.db")
    copy.write_bytes(template.read_bytes())
    os.replace(copy, db)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("", 1)
    assert err == f"execdb: {db} was moved or replaced: follow the new one\n"


def test_a_reader_that_goes_away_ends_it_quietly(follow: Follow, database: Database) -> None:
    process = follow()
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""


def test_options_that_make_no_sense_are_refused(run: Run, db: Path) -> None:
    refused(run("query", "--ends"), 2, "--follow")
    refused(run("query", "--follow", "--count"), 2, "--count")
    refused(run("query", "--follow", "--until", "today"), 2, "--until")
    refused(run("query", "--follow", "--format", "table"), 2, "table", "ndjson")
    refused(run("query", "--follow", "--ends", "--format", "plain"), 2, "plain")


def test_secrets_are_hidden(follow: Follow, database: Database) -> None:
    recording = recorded(database, [])
    process = follow("--redact")
    recording.write([an_exec(1, argv=("mysql", "--password=hunter2"))], [], counts(1))
    assert "hunter2" not in lines(process, 1)[0]
