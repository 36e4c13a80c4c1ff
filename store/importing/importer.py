"""Import: stores the events of a file in the database, each once.

Lines of a plain file are stored as they are read, in one transaction. Those of another source,
which may take its time, or beside a collector are all read and checked first. Only then is the
database locked, for as long as it takes to store the events that are not there yet.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf
from time import monotonic

from execdb.store.errors import BadEvent, DatabaseError
from execdb.store.file.database import Database
from execdb.store.importing.imported import Imported
from execdb.store.importing.ndjson import Parser
from execdb.store.importing.sources import Line, Sources
from execdb.store.importing.spool import Spool
from execdb.store.importing.target import Tally, Target

_CHUNK = 10_000  # events looked up and written together
_CHUNK_CHARS = 4 << 20  # of their lines
_CHUNK_ARGUMENTS = 200_000  # of their commands
_SLICE_S = 0.2  # of a transaction, if a collector records meanwhile
_PATIENCE_MS = 60_000  # for another import; a collector holds the lock for some milliseconds


def import_lines(
    database: Database,
    lines: Iterable[str],
    pause: Callable[[], None] | None = None,
    *,
    at_hand: bool = False,
) -> Tally:
    """Adds the events that are not in the database yet. Those that are get the end and the parent
    that they lack, if the file has them.

    An event is identified by boot_id, time_ns, boot_ns and pid. All are added in one transaction.
    If a collector records to the database, pass `pause`: there is then a transaction every fifth of
    a second, and `pause`, called in between, gives the collector time to write. With `at_hand` the
    lines come without waiting and are of bounded length together: without a collector they are then
    stored as they are read, and kept nowhere else. Raises BadEvent naming the line; then nothing is
    added.
    """
    if at_hand and pause is None:
        return _store(database, _parsed(lines), None)
    with Spool() as spool:
        events = 0
        for chunk in _parsed(lines):
            spool.add(chunk)
            events += len(chunk)
        if not events:
            return Tally(0, 0)
        return _store(database, iter(spool), pause)


def _store(
    database: Database, chunks: Iterator[list[Line]], pause: Callable[[], None] | None
) -> Tally:
    database.wait_for_lock(_PATIENCE_MS)
    database.connection.execute("PRAGMA temp_store = FILE")
    target, stored = Target(database.connection), 0
    try:
        while True:
            with database.writing():
                target.begin()
                until_s = inf if pause is None else monotonic() + _SLICE_S
                for chunk in chunks:
                    target.add(chunk)
                    if monotonic() > until_s:
                        break
                else:
                    return target.finish()
            stored = target.added
            assert pause is not None
            pause()
    except DatabaseError as error:
        if not stored:
            raise
        raise type(error)(
            f"{error}; {stored} execs are imported: run the import again to add the rest"
        ) from error


def _parsed(lines: Iterable[str]) -> Iterator[list[Line]]:
    """The events of the lines in chunks, each event with the number of its source."""
    parser, sources = Parser(), Sources()
    parse = parser.parse
    chunk: list[Imported] = []
    before = chars = arguments = 0
    for line in lines:
        try:
            item = parse(line)
        except BadEvent as error:
            raise BadEvent(f"line {before + len(chunk) + 1}: {error}") from error
        chunk.append(item)
        chars += len(line)
        arguments += len(item.command.argv)
        if len(chunk) >= _CHUNK or chars > _CHUNK_CHARS or arguments > _CHUNK_ARGUMENTS:
            yield sources.numbered(chunk, before)
            before += len(chunk)
            chunk, chars, arguments = [], 0, 0
    if chunk:
        yield sources.numbered(chunk, before)
