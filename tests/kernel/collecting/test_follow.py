"""query --follow beside a real collector, as a user who may only read the file."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.kernel.recorder import Recorder, wait_for
from tests.others import fork_as

GROUP, NOBODY = 7919, 65534


class Reader:
    """A process of another user, and the lines it has written so far."""

    def __init__(self, pid: int, out: int, err: int) -> None:
        self.pid, self.lines, self.said = pid, list[str](), list[str]()
        for fd, lines in ((out, self.lines), (err, self.said)):
            threading.Thread(target=self._read, args=(fd, lines), daemon=True).start()

    @staticmethod
    def _read(fd: int, lines: list[str]) -> None:
        with os.fdopen(fd) as file:
            lines.extend(iter(file.readline, ""))

    def shows(self, text: str) -> bool:
        return any(text in line for line in [*self.lines])

    def says(self, text: str) -> bool:
        return any(text in line for line in [*self.said])


@contextmanager
def following(db: Path, *options: str) -> Iterator[Reader]:
    """In a fork of this process, which has loaded the program already: the user may not."""
    (out, to_out), (err, to_err) = os.pipe(), os.pipe()
    child = fork_as(NOBODY, GROUP, (to_out, to_err), "--db", db, "query", "--follow", *options)
    os.close(to_out)
    os.close(to_err)
    try:
        yield Reader(child, out, err)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def run(mark: str) -> None:
    subprocess.run(["true", mark], check=True)


@pytest.mark.thorough
def test_a_reader_without_rights_follows_whatever_becomes_of_the_file(
    record: Callable[..., Recorder], reachable: Path
) -> None:
    db = reachable / "new" / "execdb.db"
    first = record("--group", str(GROUP), db=db, log=reachable / "log1")
    with following(db, "--format", "ndjson", "comm=true") as reader:
        wait_for(lambda: (run("first"), reader.shows("first"))[1], "an exec")
        first.stop()
        wait_for(lambda: reader.says("the collector ended at"), "the end of the collector")
        second = record("--group", str(GROUP), db=db, log=reachable / "log2")
        wait_for(lambda: reader.says("(no collector was running)"), "the gap")
        wait_for(lambda: (run("second"), reader.shows("second"))[1], "an exec after the restart")
        second.run("prune", "--older-than", "1s")
        wait_for(lambda: (run("third"), reader.shows("third"))[1], "an exec after the prune")
        second.stop()
        with closing(sqlite3.connect(db)) as connection:
            connection.execute("VACUUM")
        third = record("--group", str(GROUP), db=db, log=reachable / "log3")
        wait_for(lambda: (run("fourth"), reader.shows("fourth"))[1], "an exec after a VACUUM")
        third.stop()


def test_it_shows_what_the_collector_prints(
    record: Callable[..., Recorder], reachable: Path
) -> None:
    db, printed = reachable / "new" / "execdb.db", reachable / "printed"
    own = f"ppid={os.getpid()}"
    with printed.open("w") as file:
        recorder = record(
            "--print", "--format", "ndjson", "--group", str(GROUP), own, "comm=true",
            db=db, log=reachable / "log", stdout=file,
        )  # fmt: skip
    with following(db, "--format", "ndjson", own, "comm=true") as reader:
        wait_for(lambda: (run("begin"), reader.shows("begin"))[1], "it to follow")
        for number in range(23):
            run(f"<{number}>")
        wait_for(lambda: reader.shows("<22>"), "the last exec")
        recorder.stop()
        lines = [line for line in printed.read_text().splitlines() if '"<' in line]
        assert [line.rstrip("\n") for line in reader.lines if '"<' in line] == lines
        assert len(lines) == 23
        assert None not in {json.loads(line)["parent_id"] for line in lines}
