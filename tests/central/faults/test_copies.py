"""Files that several machines continue, or that an older copy replaces; and a store that is dumped
and restored."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.central.conftest import Central
from tests.central.server import tool
from tests.central.shippers import ship
from tests.central.stores import (
    Recorder,
    an_end,
    assert_shipped,
    central_events,
    local_events,
    some_execs,
)


@pytest.fixture
def recorder(own_database: Path) -> Iterator[Recorder]:
    recorder = Recorder(own_database)
    yield recorder
    recorder.close()


def test_another_machine_goes_on_with_a_copy_of_the_file(
    central: Central, recorder: Recorder, own_database: Path
) -> None:
    recorder.write(some_execs(31))
    ship(own_database, central.url)
    recorder.close()
    clone = own_database.with_name("clone.db")
    shutil.copy(own_database, clone)
    for path, first in ((own_database, 100), (clone, 200)):
        with open_database(path) as database:
            recorder.database = database
            recorder.recording._database = database
            recorder.write(some_execs(7, first))
            ship(path, central.url)
    runs = central.rows("SELECT run_id FROM execdb.run ORDER BY shipped_at")
    assert len(runs) == 2
    events = central_events(central)
    for path in (own_database, clone):
        assert all(event in events for event in local_events(path))
        assert sum(shipped.events for shipped in ship(path, central.url)) == 0


def test_a_machine_is_rolled_back_to_an_older_copy_of_its_file(
    central: Central, recorder: Recorder, own_database: Path
) -> None:
    recorder.write(some_execs(31))
    recorder.close()
    older = own_database.with_name("older.db")
    shutil.copy(own_database, older)
    with open_database(own_database) as database:
        recorder.recording._database = database
        recorder.write(some_execs(20, 100))
    ship(own_database, central.url)
    with open_database(older) as database:
        recorder.recording._database = database
        recorder.write(some_execs(9, 300))
    ship(older, central.url)
    events = central_events(central)
    assert all(event in events for event in local_events(older))
    assert all(event in events for event in local_events(own_database))


_GUARDS = (
    "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
)
_RIGHTS = (
    "SELECT relname, relacl, relrowsecurity FROM pg_class"
    " WHERE relnamespace = 'execdb'::regnamespace ORDER BY 1"
)


def test_a_store_goes_on_after_a_dump_and_a_restore(
    empty: Central, central: Central, recorder: Recorder, own_database: Path, tmp_path: Path
) -> None:
    execs = some_execs(40)
    recorder.write(execs[:20], [an_end(each) for each in execs[:5]])
    ship(own_database, central.url)
    dump = tmp_path / "history.dump"
    subprocess.run([tool("pg_dump"), "-Fc", "-f", dump, central.admin], check=True)
    subprocess.run([tool("pg_restore"), "--exit-on-error", "-d", empty.admin, dump], check=True)
    for what in (_GUARDS, _RIGHTS, "SELECT * FROM execdb.run_day ORDER BY 1, 2"):
        assert empty.rows(what) == central.rows(what)
    recorder.write(execs[20:], [an_end(each) for each in execs[5:30]])
    ship(own_database, empty.url)
    assert_shipped(empty, own_database)
