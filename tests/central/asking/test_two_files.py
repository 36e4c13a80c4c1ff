"""Two recorders on one host in one boot, each with a file: runs overlap, and ids are equal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.central.conftest import Central
from tests.central.following.conftest import Host
from tests.central.stores import RECENT_NS, some_execs
from tests.conftest import Answer

Run = Callable[..., Answer]
HOUR_NS = 3_600 * 10**9


@pytest.fixture
def programs(central: Central, tmp_path: Path) -> Central:
    """Event 3 of each file started the events 6 and 7; those of the second file are of its second
    run, which began while the first file's was recorded."""
    one, two = (Host(folder, "web1", central.url) for folder in _folders(tmp_path))
    for host, first in ((one, 100), (two, 300)):
        host.recorder.write(some_execs(5, first, RECENT_NS - HOUR_NS))
    with two.recorder.database.writing() as connection:
        sql = "UPDATE run SET ended = 'clean', ended_ns = ?"
        connection.execute(sql, (RECENT_NS - HOUR_NS // 2,))
    two.starts_again(RECENT_NS - HOUR_NS // 3)
    for host, first in ((one, 100), (two, 300)):
        parent = some_execs(1, first + 2)[0]
        key = parent.boot_ns, parent.pid
        host.ship([each._replace(parent=key) for each in some_execs(2, first + 50)])
    return central


def _folders(path: Path) -> list[Path]:
    folders = [path / "one", path / "two"]
    for folder in folders:
        folder.mkdir()
    return folders


@pytest.mark.parametrize(("pid", "children"), [(1102, ["1150", "1151"]), (1302, ["1350", "1351"])])
def test_a_tree_has_what_a_program_started(
    programs: Central, run: Run, pid: int, children: list[str]
) -> None:
    answer = run("tree", f"{pid}", "--down", "--db", programs.reader)
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == children
