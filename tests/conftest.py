"""What every test stands on: a database of its own, the command, hand-made events."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

from execdb.store.account import Account, Counts
from execdb.store.config.table import ConfigTable
from execdb.store.event import Command, Creds, Event, Exec, Place, Start
from execdb.store.file.database import Database, open_database
from execdb.store.reading.filter import Filter
from execdb.store.schema.definition import normalized
from execdb.store.schema.verify import read_schema
from execdb.store.terms.short_forms import short_form
from execdb.store.writing.recording import Machine, Recording
from tests import once
from tests.processes.leftovers import nothing_is_left, nothing_outlives_the_tests  # noqa: F401
from tests.store.schema.next_revision import become_next

EXECDB = Path(sys.executable).with_name("execdb")
USERS_OWN = "/var/lib/execdb"
NOWHERE = "/dev/null/no-test-has-set-a-database"
BOOT_ID = "6f9d1c1e-2b0a-4c57-9a3e-0d5b1f0a7c11"
MACHINE = Machine(host="workshop", boot_id=BOOT_ID, kernel="6.1.0")
START_NS = 1_760_000_000_000_000_000

settings.register_profile("execdb", deadline=None, max_examples=100, print_blob=True)
settings.load_profile("execdb")


def pytest_configure() -> None:
    once.keep()
    # A shell ignores it for what it runs in the background, and so would the commands under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["EXECDB_DB"] = NOWHERE  # for what runs before a test's own guard
    os.environ["EXECDB_OPTIONS"] = ""  # the files of whoever runs the tests are not read
    os.umask(0o022)  # files that a test makes for other users are not hidden by whoever runs it
    sys.addaudithook(_keep_out)


def _keep_out(event: str, arguments: tuple[Any, ...]) -> None:
    """The database of whoever runs the tests is none of their business."""
    if event not in ("open", "os.mkdir", "sqlite3.connect") or not arguments:
        return
    name = arguments[0]
    if isinstance(name, str | bytes | os.PathLike) and USERS_OWN in os.fsdecode(name):
        raise RuntimeError(f"a test touches {USERS_OWN}")


def pytest_report_header() -> str:
    return f"SQLite {sqlite3.sqlite_version}, kernel {os.uname().release}"


@pytest.fixture(autouse=True)
def own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the database is unless a test says otherwise; nothing is there yet."""
    path = tmp_path / "execdb.db"
    monkeypatch.setenv("EXECDB_DB", str(path))
    return path


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users can enter and read. Not one of pytest's: each start of another
    pytest closes those to others."""
    with tempfile.TemporaryDirectory(prefix="execdb-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, made once."""
    path = tmp_path_factory.mktemp("template") / "execdb.db"
    open_database(path, create=True).close()
    return path


@pytest.fixture
def db(own_database: Path, template: Path) -> Path:
    """The path of an empty database, which is also the command's default."""
    return Path(shutil.copy(template, own_database))


@pytest.fixture
def database(db: Path) -> Iterator[Database]:
    with open_database(db) as database:
        yield database


@pytest.fixture
def older(
    db: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A database with an event and a config entry, and a program of the next revision."""
    with open_database(db) as database:
        recorded(database, [an_exec()])
        ConfigTable(database).set(501, "Hi user 501!")
    become_next(monkeypatch, tmp_path_factory.mktemp("next"))
    return db


@pytest.fixture
def execdb() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command as users do, as a process of its own."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(EXECDB), *map(str, arguments)],
            **{"capture_output": True, "text": True, "timeout": 60, **options},
        )

    return run


class Answer(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    """Runs the command in this process, which is quicker; an exception fails the test."""
    from execdb.cli import main
    from execdb.cli.commands.recorder import collect

    monkeypatch.setattr(collect, "close_inherited", lambda but: None)  # these are pytest's

    def run(*arguments: object) -> Answer:
        return Answer(main.run([str(argument) for argument in arguments]), *capsys.readouterr())

    return run


def some_creds(uid: int = 0, message: str = "Hey root!", **changes: Any) -> Creds:
    """Someone with this uid, who is not logged in."""
    return Creds(uid, uid, uid, None, None, None, message)._replace(**changes)


def an_exec(
    number: int = 0,
    *,
    creds: Creds | None = None,
    place: Place | None = None,
    caller: str | None = None,
    **changes: Any,
) -> Exec:
    """The exec that is `number` milliseconds after START_NS, as pid 1000 + number."""
    command = Command("/usr/bin/true", "true", ("true",), 1, False)
    fields = {name: changes.pop(name) for name in Command._fields if name in changes}
    if "argv" in fields:
        fields.setdefault("argc", len(fields["argv"]))
    who = creds or some_creds()
    base = Exec(
        time_ns=START_NS + number * 1_000_000,
        boot_ns=5_000_000_000 + number * 1_000_000,
        pid=1_000 + number,
        ppid=1,
        start=Start(who, command._replace(**fields), place or Place(None, None), caller),
        parent=None,
        replaces=False,
        errno=None,
    )
    return base._replace(**changes)


def an_event(number: int = 0, **changes: Any) -> Event:
    """The same moment as `an_exec`, as it is read back."""
    known = {
        "id": number + 1,
        "run_id": 1,
        "time_ns": START_NS + number * 1_000_000,
        "boot_ns": 5_000_000_000 + number * 1_000_000,
        "boot_id": BOOT_ID,
        "host": "workshop",
        "pid": 1_000 + number,
        "ppid": 1,
        "uid": 0,
        "euid": 0,
        "gid": 0,
        "comm": "true",
        "filename": "/usr/bin/true",
        "argv": ("true",),
        "truncated": False,
        "exe_deleted": False,
        "message": "Hey root!",
        "config_generation": 0,
        "cwd_deleted": False,
    } | changes
    known.setdefault("argc", len(known["argv"]))
    known.setdefault("ns_pid", known["pid"])
    return Event(**{name: known.get(name) for name in Event._fields})


def a_filter(**wanted: Any) -> Filter:
    """With short forms of terms as keywords, beside the filter's own members."""
    rest = {name: wanted.pop(name) for name in Filter.__dataclass_fields__ if name in wanted}
    terms = *rest.pop("terms", ()), *(short_form(*form) for form in wanted.items())
    return Filter(terms, **rest)


def counts(stored: int, lost: int = 0) -> Counts:
    return Counts(seen=stored + lost, stored=stored, filtered=0, lost=lost)


def recorded(database: Database, execs: Sequence[Exec]) -> Recording:
    """Stores them as one collector life that goes on."""
    recording = Recording(database, MACHINE, "0", START_NS)
    alive_ns = max([START_NS, *(event.time_ns for event in execs)])
    recording.write(execs, [], counts(len(execs)), Account(alive_ns=alive_ns))
    return recording


def upgraded(path: Path) -> None:
    """Brings a database of an older revision to this one."""
    from execdb.store.file.upgrade import opened_for_upgrade, upgrade

    with opened_for_upgrade(path) as (database, _):
        upgrade(database)


def schema_of(path: Path) -> dict[str, str]:
    """The normalized SQL of a database's objects, by type and name: "table image"."""
    with closing(sqlite3.connect(path)) as connection:
        objects = read_schema(connection)
    return {f"{one.type} {one.name}": normalized(one.sql or "") for one in objects}


def empty(database: Database) -> None:
    """Forgets all that was recorded."""
    with database.writing() as connection:
        for table in ("image", "segment"):
            connection.execute(f"DELETE FROM {table}")
