"""coverage, and notes about gaps, of a file into which another machine's was merged."""

import json
from pathlib import Path

import pytest

from execdb.store.account import Counts
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Machine, Recording
from tests.cli.conftest import Run
from tests.conftest import MACHINE, START_NS, an_exec

OTHER = Machine("web1", "0b7c7c5e-0000-4000-8000-00000000000b", "6.1.0")
SPAN = ("--since", "2025-10-09T08:53:20Z", "--until", "2025-10-09T08:55:00Z")


@pytest.fixture
def merged(run: Run, own_database: Path, tmp_path: Path) -> None:
    """This machine recorded for a second, web1 for an hour from the same moment on."""
    for path, machine, for_s in ((own_database, MACHINE, 1), (tmp_path / "o.db", OTHER, 3_600)):
        with open_database(path, create=True) as database:
            recording = Recording(database, machine, "0", START_NS)
            recording.write([an_exec(for_s % 7)], [], Counts(1, 1, 0, 0))
            recording.finish(START_NS + for_s * 10**9, Counts(1, 1, 0, 0))
    assert run("import", tmp_path / "o.db").code == 0


@pytest.mark.usefixtures("merged")
def test_coverage_is_told_of_each_machine(run: Run) -> None:
    of_web1 = json.loads(run("coverage", "--host", "web*", *SPAN, "--format", "json").out)
    assert {each["kind"] for each in of_web1} == {"recorded"}
    assert sum(each["events"] for each in of_web1) == 1
    of_own = json.loads(run("coverage", "--host", "workshop", *SPAN, "--format", "json").out)
    assert [each["kind"] for each in of_own] == ["recorded", "blind"]
    assert sum(each["events"] for each in of_own) == 1
    both = json.loads(run("coverage", *SPAN, "--format", "json").out)
    assert [each["host"] for each in both] == ["workshop", "workshop", "web1"]
    text = run("coverage").out
    assert "host workshop\n" in text
    assert "host web1\n" in text
    assert run("coverage", "--host", "web1", *SPAN, "--strict").code == 0
    assert run("coverage", *SPAN, "--strict").code == 3
    assert run("coverage", "--host", "nobody", "--strict").code == 3


@pytest.mark.usefixtures("merged")
def test_a_question_about_one_machine_is_told_of_its_gaps_alone(run: Run) -> None:
    assert run("query", "host=web1", "--count").out == "1\n"
    assert run("query", "host=web1", *SPAN, "--strict").err == ""
    notes = run("query", *SPAN).err
    assert "workshop" in notes
    assert "web1" not in notes
    assert run("query", *SPAN, "--strict").code == 3


def test_a_file_of_one_machine_has_no_other(run: Run, own_database: Path) -> None:
    with open_database(own_database, create=True) as database:
        Recording(database, MACHINE, "0", START_NS)
    assert run("coverage", "--host", "workshop").code == 0
    assert run("coverage", "--host", "web1").out.startswith("no such host")
