"""collect --redact: no secret gets into any file of a database, nor to what is shown."""

from pathlib import Path

from execdb.cli.session.redacting import RedactingSink, Redaction
from execdb.store.account import Account
from execdb.store.file.database import Database
from execdb.store.reading.history import History
from execdb.store.redaction.own_patterns import OwnPattern
from tests.conftest import a_filter, an_exec, counts, recorded
from tests.store.writing.recordings import key

SECRET = "hunter2"


def bytes_of(db: Path) -> bytes:
    return b"".join(path.read_bytes() for path in db.parent.glob(f"{db.name}*"))


def test_no_file_ever_has_the_secret(database: Database, db: Path) -> None:
    redaction = Redaction([OwnPattern(r"badge-\d+")])
    sink = RedactingSink(recorded(database, []), redaction)
    running = an_exec(0, argv=("daemon", f"--token={SECRET}"))
    sink.know([running])
    execs = [
        an_exec(n, argv=("curl", "-u", f"bob:{SECRET}", "badge-23", str(n)), parent=key(running))
        for n in range(1, 24)
    ]
    sink.write(execs, [], counts(23), Account())
    assert SECRET.encode() not in bytes_of(db)
    assert b"badge-23" not in bytes_of(db)
    assert b"bob:[redacted]" in bytes_of(db)
    events = list(History(database).events(a_filter()))
    assert {event.argv[:4] for event in events} == {("curl", "-u", "bob:[redacted]", "[redacted]")}
    assert {event.parent_id for event in events} == {-1}
    sink.finish(an_exec(24).time_ns, counts(23), Account())
    assert SECRET.encode() not in bytes_of(db)


def test_equal_starts_stay_one_object() -> None:
    """By which the writer knows them."""
    redaction, first = Redaction([]), an_exec(1, argv=("x", f"--password={SECRET}"))
    second = an_exec(2)._replace(start=first.start)
    one, two = redaction.execs([first, second])
    assert one.start is two.start
    plain = an_exec(3)
    assert redaction.execs([plain])[0].start is plain.start


def test_memory_is_bounded_whatever_is_run() -> None:
    redaction = Redaction([])
    for n in range(97):
        redaction.execs([an_exec(n, argv=("x" * 40_000, str(n)))])
    assert len(redaction._known) < 60
