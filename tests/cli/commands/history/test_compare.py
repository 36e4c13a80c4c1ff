"""compare: two files, or two runs of one, with exit codes for scripts."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from execdb.store.account import Account, Cause, Loss
from execdb.store.event import Exec
from execdb.store.file.database import open_database
from tests.cli.conftest import Run, refused
from tests.conftest import an_exec, counts, recorded

HOSTILE = "\x1b]0;pwned\x07\u202e\n"


@pytest.fixture
def histories(template: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Makes a file of execs; its path."""

    def make(name: str, execs: Sequence[Exec]) -> Path:
        path = tmp_path / name
        shutil.copy(template, path)
        with open_database(path) as database:
            recording = recorded(database, execs)
            recording.finish(an_exec(23).time_ns, counts(len(execs)))
        return path

    return make


def execs(count: int = 23, **last: object) -> list[Exec]:
    made = [an_exec(n, argv=("run", str(n))) for n in range(count)]
    return [*made[:-1], an_exec(count - 1, **({"argv": ("run", str(count - 1))} | last))]  # type: ignore[arg-type]


def test_equal_files_are_equal(run: Run, histories) -> None:  # type: ignore[no-untyped-def]
    a, b = histories("a.db", execs()), histories("b.db", execs())
    answer = run("compare", a, b)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("23 execs in A, 23 in B: 23 equal, 0 different")


def test_different_files_exit_with_1_and_say_where(run: Run, histories) -> None:  # type: ignore[no-untyped-def]
    a, b = histories("a.db", execs()), histories("b.db", execs(29, argv=("run", HOSTILE)))
    answer = run("compare", a, b, "--limit", 0, "--wide")
    assert answer.code == 1
    assert "only in B   [id 29]" in answer.out
    assert "\\x1b]0;pwned" in answer.out
    assert not {"\x1b", "\u202e", "\x07"} & set(answer.out)
    told = json.loads(run("compare", a, b, "--format", "json").out)
    assert told["totals"]["only_b"] == 6
    assert told["differ"] is True
    assert [each["kind"] for each in told["differences"]] == ["only_b"] * 6
    assert told["differences"][-1]["b"]["argv"] == ["run", HOSTILE]


def test_terms_choose_on_both_sides(run: Run, histories) -> None:  # type: ignore[no-untyped-def]
    a, b = histories("a.db", execs()), histories("b.db", execs(29))
    assert run("compare", a, b, "argv=1?").code == 0
    assert run("compare", a, b, "argv=2?").code == 1


def test_runs_of_one_file(run: Run, db: Path) -> None:
    with open_database(db) as database:
        for last in ("22", "changed"):
            recorded(database, execs(argv=("run", last))).finish(an_exec(23).time_ns, counts(23))
    answer = run("compare", 1, 2, "--wide")
    assert answer.code == 1
    assert "argv[1]: 22 -> changed" in answer.out
    assert run("compare", 1, 2, "--ignore", "argv").code == 0
    assert run("compare", 1, 2, "--alike", "argv!=changed,22").code == 0


def test_secrets_are_hidden_after_the_comparison(run: Run, histories) -> None:  # type: ignore[no-untyped-def]
    a = histories("a.db", execs(argv=("curl", "--password=hunter2")))
    b = histories("b.db", execs(argv=("curl", "--password=hunter3")))
    answer = run("compare", a, b, "--redact", "--wide")
    assert answer.code == 1
    assert "hunter" not in answer.out
    assert "hunter" not in run("compare", a, b, "--redact", "--format", "json").out


def test_gaps_are_said_of_each_side(run: Run, histories, template: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    a, b = histories("a.db", execs()), tmp_path / "b.db"
    shutil.copy(template, b)
    with open_database(b) as database:
        recording = recorded(database, execs())
        loss = Loss(1, Cause.RING_FULL, an_exec(3).time_ns, an_exec(5).time_ns, 2)
        recording.write([], [], counts(23, lost=2), Account(losses=[loss]))
        recording.finish(an_exec(23).time_ns, counts(23, lost=2))
    answer = run("compare", a, b, "--strict")
    assert answer.code == 3
    assert answer.err.startswith("note: B: 2 execs were lost")


def test_what_cannot_be_compared(run: Run, db: Path, tmp_path: Path) -> None:
    with open_database(db, create=True) as database:
        recorded(database, execs())
    refused(run("compare", 1, 23), 1, "there is no run 23", "execdb status")
    refused(run("compare", 1, 1, "comm=none"), 1, "no execs to compare")
    refused(run("compare", tmp_path / "none.db", 2), 1, "none.db")
    refused(run("compare", 1, 2, "--ignore", "pid"), 2, "--ignore", "pid")
    refused(run("compare", 1, 2, "--ignore", "agv"), 2, "did you mean argv")
