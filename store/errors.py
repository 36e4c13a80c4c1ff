"""The one exception family. Each carries a sentence for the user and an exit code.

ExecdbError            1  could not be done
├── DatabaseError      1  the file cannot be opened, read or written
│   ├── DatabaseDamaged   1  SQLite cannot make sense of it
│   ├── DatabaseOutdated  1  an older execdb made it
│   └── DatabaseRefused  1  not now: later may do
│       ├── DatabaseBusy  1  another program holds its lock
│       └── DatabaseFull  1  there is no space left for it
├── Interrupted      130  by Ctrl-C or a signal, where something is to be said of it
├── BadEvent           1  an event to import is not one
├── RecordingError     1  recording cannot start or continue
└── UsageError         2  the request itself makes no sense
"""


class ExecdbError(Exception):
    """The text is one sentence: what happened and, where it helps, what to do. `option` is the long
    name of the option that asked for it, where that is known."""

    exit_code = 1
    option: str | None = None


class DatabaseError(ExecdbError):
    """The database file cannot be opened, read or written."""


class DatabaseDamaged(DatabaseError):
    """What SQLite reads from it cannot be."""


class DatabaseOutdated(DatabaseError):
    """It is of an older execdb: `execdb upgrade` brings it up to date."""


class DatabaseRefused(DatabaseError):
    """It could not be written to now; later may do. Nothing of the transaction is there."""


class DatabaseBusy(DatabaseRefused):
    """Another program holds the lock of the database."""


class DatabaseFull(DatabaseRefused):
    """There is no space left on its disk."""


class BadEvent(ExecdbError):
    """What was to become an event is not one; the sentence names the key."""


class RecordingError(ExecdbError):
    """Recording cannot start, or cannot continue."""


class Interrupted(ExecdbError):
    """Somebody ended it before it was done."""

    exit_code = 130


class UsageError(ExecdbError):
    """What was asked for makes no sense, whatever the state of the machine."""

    exit_code = 2
