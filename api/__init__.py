"""execdb's Python interface: the recorded history for scripts and notebooks.

    import execdb

    with execdb.open("/var/lib/execdb/execdb.db") as history:
        for event in history.events(comm="gcc", since="2h", failed=True):
            print(event.time, event.argv, event.exit_code)

`History` lists the questions. Everything is read-only. What goes wrong is an `ExecdbError`.
"""

import os
from typing import TYPE_CHECKING

from execdb.store.errors import DatabaseBusy, DatabaseError, ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.answers import Period, Run
    from execdb.filters import Filters, Time
    from execdb.history import History
    from execdb.store.event import Event

__version__ = "0.1.0"
__all__ = [
    "DEFAULT_PATH",
    "DatabaseBusy",
    "DatabaseError",
    "Event",
    "ExecdbError",
    "Filters",
    "History",
    "Period",
    "Run",
    "Time",
    "UsageError",
    "__version__",
    "open",
]

DEFAULT_PATH = "/var/lib/execdb/execdb.db"


def open(path: str | os.PathLike[str] = DEFAULT_PATH) -> "History":
    """The history in a file that `execdb collect` or `execdb import` wrote, for reading; also while
    a collector writes to it. Close it, or use it in a `with`.

    Raises DatabaseError if there is no such file, it is not a database of execdb's, or it was
    written by another version. Nothing is created.
    """
    from execdb.history import History

    return History(path)


_WHERE = {
    "Event": "execdb.store.event",
    "Filters": "execdb.filters",
    "History": "execdb.history",
    "Run": "execdb.answers",
    "Period": "execdb.answers",
    "Time": "execdb.filters",
}

if not TYPE_CHECKING:  # a checker would take any name for one of these

    def __getattr__(name: str) -> object:
        """The types, imported when they are asked for: each start of the command imports this."""
        from importlib import import_module

        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_WHERE[name]), name)
