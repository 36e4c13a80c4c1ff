"""What the tests of this folder share."""

from collections.abc import Iterable
from typing import Any

from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.reading.history import History
from tests.conftest import a_filter, some_creds


def pids(events: Iterable[Event]) -> list[int]:
    return [event.pid for event in events]


def matching(database: Database, **wanted: Any) -> list[int]:
    """The pids found; the count must say the same."""
    found = pids(History(database).events(a_filter(**wanted)))
    assert History(database).count(a_filter(**wanted)) == len(found)
    return found


ROOT, USER = some_creds(loginuid=501), some_creds(501, "Hi")


SETUID = some_creds(501, "", euid=0, loginuid=0)


SHELL = {"filename": "/bin/sh", "comm": "sh", "argv": ("sh", "-c", "make all")}
