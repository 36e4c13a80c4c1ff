"""An import leaves the database to a recorder while it reads, and between its slices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseBusy
from execdb.store.file.database import open_database
from execdb.store.importing import importer
from execdb.store.importing.importer import import_lines
from tests.conftest import an_event, an_exec, recorded
from tests.store.importing.exports import family_of_two, history, lines_of, parents


def test_the_database_is_free_while_lines_are_awaited(db: Path) -> None:
    """Who records may store between any two of them."""
    with open_database(db) as database, open_database(db, busy_ms=0) as recorder:

        def slowly() -> Iterator[str]:
            for n in range(3):
                yield from lines_of([an_event(n)])
                recorded(recorder, [an_exec(n + 100)])

        assert import_lines(database, slowly()) == (3, 0, 0, 0)
        assert len(history(database)) == 6


def in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "_CHUNK", 7)
    monkeypatch.setattr(importer, "_SLICE_S", -1)


def test_a_recorder_gets_in_between_while_an_import_is_stored(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch)
    events = [event for n in range(23) for event in family_of_two(1 + 2 * n, 10 * n, 2 + 10 * n)]
    late = [event._replace(ended="exit", exit_code=0) for event in events]
    with open_database(db) as database, open_database(db, busy_ms=0) as recorder:
        pauses: list[int] = []

        def pause() -> None:
            pauses.append(len(pauses))
            recorded(recorder, [an_exec(5_000 + len(pauses), pid=7)])

        tally = import_lines(database, lines_of(events + late), pause, at_hand=True)
        assert tally == (46, 46, 46, 0)
        assert len(pauses) > 12
        found = parents(database)
        assert all(found[2 + 10 * n] is None for n in range(23))
        assert all(found[3 + 10 * n] == 2 + 10 * n for n in range(23))
        assert len(history(database)) == 46 + len(pauses)


def test_a_database_that_fails_in_between_tells_how_far_it_got(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch)
    lines = lines_of([an_event(n) for n in range(46)])
    with open_database(db) as database:
        monkeypatch.setattr(importer, "_PATIENCE_MS", 0)
        with open_database(db) as other:
            begin = iter([None, other.connection])

            def pause() -> None:
                connection = next(begin)
                if connection is not None:
                    connection.execute("BEGIN IMMEDIATE")

            with pytest.raises(DatabaseBusy, match="; 14 execs are imported: run the import"):
                import_lines(database, lines, pause)
        assert import_lines(database, lines) == (32, 14, 0, 0)
