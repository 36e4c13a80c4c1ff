"""query --follow --ends: how programs end, also those that ran when it started."""

import json
import signal
from dataclasses import replace

from execdb.store.file.database import Database
from execdb.store.writing.recording import Recording
from tests.cli.session.followed import SECOND_NS, Follow, lines, write
from tests.conftest import MACHINE, START_NS, an_exec, counts, recorded
from tests.store.writing.recordings import end


def test_says_how_programs_end(follow: Follow, database: Database) -> None:
    recording = recorded(database, [])
    process = follow("--ends", "comm=true")
    first, second, other = an_exec(1), an_exec(2), an_exec(3, comm="other")
    recording.write([first, second, other], [end(second, SECOND_NS, 9)], counts(3))
    started = lines(process, 3)
    assert [line.split()[1] for line in started] == ["1001", "1002", "1002"]
    assert started[2].endswith(" 1002 1 0 true ended: signal 9 after 1.0 s\n")
    recording.write([], [end(other, 1, 0), end(first, 3 * SECOND_NS, 3 << 8)], counts(3))
    assert lines(process, 1)[0].endswith(" 1001 1 0 true ended: exit 3 after 3.0 s\n")


def test_ends_of_what_already_ran_are_shown(follow: Follow, database: Database) -> None:
    ended, first, second = an_exec(0), an_exec(1), an_exec(2, comm="other")
    recording = recorded(database, [ended, first, second])
    recording.write([], [end(ended, 1, 0)], counts(3))
    process = follow("--ends", "comm=true", "exit_code=3")
    recording.write([], [end(second, 1, 3 << 8), end(first, 2 * SECOND_NS, 3 << 8)], counts(3))
    assert lines(process, 1)[0].endswith(" 1001 1 0 true ended: exit 3 after 2.0 s\n")


def test_ends_of_what_ran_before_the_collector_are_shown(
    follow: Follow, database: Database
) -> None:
    before = an_exec(0, parent=None)
    recording = recorded(database, [])
    recording.know([before])
    process = follow("--ends")
    recording.write([], [end(before, 2 * SECOND_NS, 3 << 8)], counts(0))
    assert lines(process, 1)[0].endswith(" 1000 1 0 true ended: exit 3 after 2.0 s\n")


def test_what_ran_in_an_earlier_boot_is_not_waited_for(follow: Follow, database: Database) -> None:
    crashed = [an_exec(n) for n in range(16_384)]
    recorded(database, crashed)
    recording = Recording(database, replace(MACHINE, boot_id="another"), "0", START_NS)
    write(recording, 0, 1)
    process = follow("--ends")
    recording.write([], [end(an_exec(1), SECOND_NS, 0)], counts(2))
    assert lines(process, 1)[0].endswith(" 1001 1 0 true ended: exit 0 after 1.0 s\n")
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("", "")  # none of them took the place of one that runs


def test_it_is_said_if_too_many_ran_already(follow: Follow, database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(16_384 + 1)])
    said = "note: over 16384 programs run: ends of the oldest are not shown\n"
    process = follow("--ends", first=said)
    assert process.stderr is not None
    assert process.stderr.readline() == "note: no collector is running: waiting for one\n"


def test_what_already_ran_and_fails_now_is_shown(follow: Follow, database: Database) -> None:
    execs = [an_exec(0), an_exec(1)]
    recording = recorded(database, execs)
    process = follow("--failed", "--format", "ndjson")
    recording.write([], [end(execs[0], 1, 0), end(execs[1], 2, 256)], counts(2))
    assert json.loads(lines(process, 1)[0])["pid"] == 1001


def test_it_is_said_if_too_many_run(follow: Follow, database: Database) -> None:
    recording = recorded(database, [])
    process = follow("--ends")
    recording.write([an_exec(n) for n in range(16_384 + 23)], [], counts(16_384 + 23))
    lines(process, 16_384 + 23)
    assert process.stderr is not None
    said = "note: over 16384 programs run: ends of the oldest are not shown\n"
    assert process.stderr.readline() == said
