"""A live replay of the events that a host shipped to a central store."""

import json
import subprocess
from pathlib import Path

from tests.central.conftest import Central, central, server, template_database
from tests.central.server import PASSWORD
from tests.central.shippers import ship
from tests.central.stores import RECENT_NS, Recorder
from tests.conftest import an_exec
from tests.kernel.recorder import EXECDB
from tests.kernel.replayed.again import Record, replayed
from tests.store.writing.recordings import end, key

__all__ = ["central", "server", "template_database"]  # fixtures


def test_a_host_of_a_store_is_replayed_here(
    record: Record, central: Central, tmp_path: Path
) -> None:
    shell = an_exec(0, time_ns=RECENT_NS, argv=("sh", "from the store"))
    children = [
        an_exec(n, time_ns=RECENT_NS + n * 1_000_000, argv=("true", str(n)), parent=key(shell))
        for n in range(1, 24)
    ]
    ends = [end(each, 500_000, n % 3 << 8) for n, each in enumerate(children)]
    Recorder(tmp_path / "first.db").write([shell, *children], [*ends, end(shell, 60_000_000, 0)])
    ship(tmp_path / "first.db", central.url)
    again = record(db=tmp_path / "again.db")
    command = [EXECDB, "--db", central.reader, "replay", "--live"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "started 24 of 24" in done.stdout
    again.stop()
    found = {tuple(each["argv"]): each for each in replayed(again, "comm=true,sh")}
    assert sorted(json.dumps(argv) for argv in found) == sorted(
        json.dumps(list(each.command.argv)) for each in (shell, *children)
    )
    root = found["sh", "from the store"]
    assert {found["true", str(n)]["exit_code"] for n in range(1, 24)} == {0, 1, 2}
    assert {each["parent_id"] for each in found.values()} >= {root["id"]}
    names = again.run("query", "--replays", "--format", "ndjson", "comm=execdb-replay")
    assert "postgresql://alice:***@" in names
    assert PASSWORD not in done.stdout + done.stderr + names
