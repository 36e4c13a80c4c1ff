"""Trees and descendants over several lives of a collector, and ids below 0."""

from pathlib import Path

import pytest

from execdb.store.account import Account
from execdb.store.event import End, Exec
from execdb.store.file.database import open_database
from execdb.store.times import local_time
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Run
from tests.conftest import MACHINE, START_NS, an_exec, counts

MS = 1_000_000


def key(image: Exec) -> tuple[int, int]:
    return image.boot_ns, image.pid


INIT = an_exec(0, argv=("init",), pid=1)
DAEMON = an_exec(3, argv=("daemon",), pid=23, parent=key(INIT))


@pytest.fixture
def restarted(db: Path) -> Path:
    """Two lives: in the first a daemon starts, in the second it starts two programs."""
    with open_database(db) as database:
        for begin, execs in (
            (0, [DAEMON]),
            (1_009, [an_exec(n, argv=(f"{n}",), parent=key(DAEMON)) for n in (1_009, 1_013)]),
        ):
            recording = Recording(database, MACHINE, "0", START_NS)
            seen = an_exec(0, argv=("daemon",), pid=23, parent=key(INIT))
            recording.know([INIT, seen] if begin else [INIT])
            last_ns = execs[-1].time_ns
            account = Account(START_NS + begin * MS, last_ns)
            ends = [End(execs[-1].boot_ns + 7 * MS, key(INIT), 9)] if begin else []
            recording.write(execs, ends, counts(len(execs)), account)
            recording.finish(last_ns, counts(len(execs)))
    return db


BLIND = (
    f"note: nothing was recorded from {local_time(START_NS + 3 * MS)} to "
    f"{local_time(START_NS + 1_009 * MS)} (no collector was running)\n"
)


@pytest.mark.parametrize("option", [["--descendants-of", "-1"], ["--descendants-of=-1"]])
@pytest.mark.parametrize("command", [["query"], ["replay", "--speed", "0"]])
def test_ids_below_0_are_ids(
    run: Run, restarted: Path, command: list[str], option: list[str]
) -> None:
    answer = run(*command, *option, "--format", "line")
    assert answer.code == 0
    assert [line.split()[-1] for line in answer.out.splitlines()] == ["daemon", "1009", "1013"]


def test_a_tree_crosses_restarts(run: Run, restarted: Path) -> None:
    answer = run("tree", "--id", "-1")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert [line.partition("[id ")[2] for line in lines] == ["-1] <--", "1]", "2]", "3]"]
    assert "seen, SIGKILL, 1.0s: init" in lines[0]
    assert run("tree", "--id=-1").out == answer.out
    assert [line.partition("[id ")[2] for line in run("tree").out.splitlines()] == [
        "-1]",
        "1]",
        "2]",
        "3]",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tree", "--id", "-1"], BLIND),
        (["tree", "--id", "1"], BLIND),
        (["tree", "--id", "2"], ""),
        (["tree"], ""),
        (["query", "--descendants-of", "-1"], BLIND),
        (["query", "--descendants-of", "1", "--count"], BLIND),
        (["query", "--descendants-of", "2"], ""),
        (["query", "--descendants-of", "2", "--count"], ""),
        (["query"], BLIND),
    ],
)
def test_what_may_be_missing_below_a_program_is_said(
    run: Run, restarted: Path, arguments: list[str], said: str
) -> None:
    """What a program started can be missing only since it began."""
    answer = run(*arguments, "--strict")
    assert (answer.err, answer.code) == (said, 3 if said else 0)
    assert run(*arguments).code == 0
