"""Opens what --db names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from execdb.store.asking.store import Store
from execdb.store.central.url import CentralUrl


@contextmanager
def open_store(place: Path | CentralUrl) -> Iterator[Store]:
    """The store to ask. Raises DatabaseError or CentralError."""
    if isinstance(place, CentralUrl):
        from execdb.store.central.asking.central_store import open_central

        with open_central(place) as central:
            yield central
        return
    from execdb.store.asking.file import FileStore
    from execdb.store.file.database import open_database
    from execdb.store.reading.history import History

    with open_database(place) as database:
        yield FileStore(History(database), place)
