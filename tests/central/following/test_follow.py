"""query --follow of a central store: what hosts ship is shown once, as the host's own file shows
it."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from execdb.store.account import Loss
from execdb.store.event import End, Exec
from tests.central.conftest import Central
from tests.central.following.conftest import Follow, Host, ids
from tests.central.server import wait_until
from tests.central.stores import RECENT_NS, an_end, some_execs
from tests.conftest import EXECDB, Answer, an_exec
from tests.processes.process import Process
from tests.running.thorough import first

Run = Callable[..., Answer]
SECOND_NS = 10**9


def test_shows_what_is_shipped_until_ctrl_c(follow: Follow, web1: Host) -> None:
    it = follow("--format", "ndjson")
    web1.ship(some_execs(23, 5))
    assert ids(it.shows(23)) == [*range(6, 29)]
    web1.ship(some_execs(2, 28))
    assert ids(it.shows(2)) == [29, 30]
    assert it.ends() == 0
    assert it.err == ""


_EQUAL = {  # and how many lines that is after each of two writes
    "--format ndjson": (59, 60),
    "--ends": (100, 119),
    "--format plain uid=0..2000": (36, 37),
    "--failed --format ndjson": (14, 21),
    "--limit 3 comm!=nothing": (62, 63),
    "argv~=^pl.in$ exit_code=0 --ends --since 2d": (7, 10),
}


@pytest.mark.parametrize(("question", "lines"), first(1, _EQUAL.items()), ids=_EQUAL)
def test_it_prints_what_following_the_file_prints(
    follow: Follow, web1: Host, question: str, lines: tuple[int, int], tmp_path: Path
) -> None:
    options = question.split()
    own = tmp_path / "own"
    with following(web1.path, options, own) as process:
        it = follow(*options)
        execs = some_execs(59, 5)
        ends = [an_end(each, 0 if n % 3 else 256) for n, each in enumerate(execs)]
        refused = an_exec(99, time_ns=execs[-1].time_ns + 1, argv=("cat", "last"), errno="ENOENT")
        writes = (execs, ends[:41]), ([refused], ends[41:])
        for count, written in zip(lines, writes, strict=True):
            web1.ship(*written)
            wait_until(lambda: count <= min(len(_lines(own)), len(it.out)))  # noqa: B023
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert it.ends() == process.returncode == 0
    assert [*map(_local, it.out)] == [*map(_local, _lines(own))]


@contextmanager
def following(path: Path, options: list[str], out: Path) -> Iterator[Process[bytes]]:
    """Of the file itself."""
    command = [EXECDB, "query", "--follow", *options, "--db", path]
    with (
        out.open("wb") as file,
        Process(command, stdout=file, stderr=subprocess.PIPE) as process,
    ):
        try:
            assert process.stderr is not None
            process.stderr.readline()  # that no collector is running: it follows
            yield process
        finally:
            process.kill()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _local(line: str) -> str:
    if not line.startswith("{"):
        return line
    return json.dumps(json.loads(line) | {"run_id": 1})


def test_ends_of_what_already_ran_are_shown(follow: Follow, web1: Host) -> None:
    before = an_exec(700, parent=None, time_ns=RECENT_NS)
    web1.recorder.recording.know([before])
    long_lived = some_execs(3, 5)
    web1.ship(long_lived)
    it = follow("--ends", "--format", "ndjson")
    ends = [an_end(long_lived[1], 9), End(before.boot_ns + SECOND_NS, (before.boot_ns, 1700), 256)]
    web1.ship([], ends)
    found = [json.loads(line) for line in it.shows(2)]
    assert {(each["id"], each["ended"]) for each in found} == {(-1, "exit"), (7, "signal")}
    late = some_execs(1, 50)
    web1.ship(late)
    assert it.shows(1)
    web1.ship([], [an_end(late[0], 0)])
    assert json.loads(it.shows(1)[0])["exit_code"] == 0


@pytest.mark.thorough
def test_new_hosts_and_runs_are_followed_and_named(
    central: Central, follow: Follow, web1: Host, tmp_path: Path
) -> None:
    it, one = follow(), follow("--host", "web1")
    web1.ship(some_execs(2, 5))
    assert [line.split()[1] for line in it.shows(2)] == ["1005", "1006"]
    Host(tmp_path, "odd\x1b[31m", central.url).ship(some_execs(1))
    assert it.shows(1)[0].split()[1] == "odd\\x1b[31m"
    web1.starts_again(RECENT_NS)
    web1.ship(some_execs(3, 90))
    assert [line.split()[1:3] for line in it.shows(3)] == [
        ["web1", str(pid)] for pid in (1090, 1091, 1092)
    ]
    assert [line.split()[1] for line in one.shows(5)][-1] == "1092"
    assert (it.ends(), one.ends()) == (0, 0)


def test_a_portion_of_several_hosts_is_in_the_order_of_time(
    central: Central, follow: Follow, web1: Host, tmp_path: Path
) -> None:
    web2 = Host(tmp_path, "web2", central.url)
    web2.ship(some_execs(2))
    it = follow("--format", "ndjson")
    execs = some_execs(400, 100)
    web1.recorder.write(execs[::2])
    web2.recorder.write(execs[1::2])
    with it.paused(central):
        web1.ship()
        web2.ship()
    times = [json.loads(line)["time_ns"] for line in it.shows(400)]
    assert times == sorted(times)


def test_descendants_of_a_program_are_followed(
    central: Central, follow: Follow, web1: Host, tmp_path: Path
) -> None:
    shell = some_execs(1, 600)[0]
    web1.ship([shell])
    other = Host(tmp_path, "web2", central.url)
    other.ship(some_execs(6))
    it = follow("--descendants-of", "6", "--host", "web1", "--format", "ndjson", "comm!=no")
    child, other_child = (each._replace(parent=_key(shell)) for each in some_execs(2, 601))
    grandchild = some_execs(1, 610)[0]._replace(parent=_key(child))
    web1.ship([child, *some_execs(1, 620), grandchild])
    other.ship([other_child])
    assert ids(it.shows(2)) == [7, 9]
    assert it.ends() == 0


def test_descendants_are_not_those_in_another_file_of_the_host(
    central: Central, follow: Follow, web1: Host, tmp_path: Path
) -> None:
    """Its ids are equal, and its second run began while the first file was recorded."""
    (folder := tmp_path / "another").mkdir()
    another = Host(folder, "web1", central.url)
    another.ship(some_execs(5))
    shell, *children = some_execs(3, 600)
    web1.ship([shell])
    it = follow("--descendants-of", "6", "--format", "ndjson")
    another.starts_again(RECENT_NS - 3_600 * SECOND_NS)
    started = [each._replace(parent=_key(shell)) for each in children]
    another.ship([shell, *started])
    web1.ship(started[:1])
    shown = [json.loads(line) for line in it.shows(1)]
    assert it.ends() == 0
    assert [(event["pid"], event["id"]) for event in shown] == [(started[0].pid, 7)]
    assert len(it.out) == 1


def _key(exec_: Exec) -> tuple[int, int]:
    return exec_.boot_ns, exec_.pid


def test_what_the_ledgers_say_is_said(follow: Follow, web1: Host) -> None:
    it = follow("--strict")
    loss = Loss(1, "ring full", RECENT_NS, RECENT_NS + SECOND_NS, 23)
    web1.ship(some_execs(1, 5), [], [loss], lost=23)
    it.says("note: 23 execs were lost from ")
    web1.ship(some_execs(1, 6), [], [replace_lost(loss, 30)], lost=7)
    it.says("note: 7 execs were lost from ")
    web1.recorder.finish()
    web1.ship()
    it.says("note: the collector ended at ")
    web1.starts_again(RECENT_NS + 10**13)
    web1.ship(some_execs(1, 7))
    it.says(" (no collector was running)\n")
    assert len(it.shows(3)) == 3
    assert it.err.count("\n") == 4
    assert it.ends() == 3


def replace_lost(loss: Loss, lost: int) -> Loss:
    return loss._replace(lost=lost, to_ns=loss.to_ns + SECOND_NS)


def test_a_store_to_which_nobody_ships_is_followed(
    central: Central, follow: Follow, tmp_path: Path
) -> None:
    it = follow("--format", "ndjson")
    it.says("note: no host ships to this store now: waiting for one\n")
    Host(tmp_path, "web1", central.url).ship(some_execs(3))
    assert ids(it.shows(3)) == [1, 2, 3]


def test_the_history_comes_first(follow: Follow, web1: Host) -> None:
    it = follow("--limit", "2", "--format", "ndjson")
    assert ids(it.shows(2)) == [4, 5]
    web1.ship(some_execs(1, 5))
    assert ids(it.shows(1)) == [6]
    assert "not shipped" not in it.err


def test_options_that_make_no_sense_are_refused(central: Central, run: Run) -> None:
    for options in (["--until", "today"], ["--format", "table"], ["--count"]):
        code, out, err = run("query", "--follow", *options, "--db", central.reader)
        assert (code, out, err.count("\n")) == (2, "", 1)
