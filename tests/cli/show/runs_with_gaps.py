"""A history of three runs with gaps between them and losses in one, and what is said of it."""

from execdb.store.account import Account, Loss
from execdb.store.file.database import Database
from execdb.store.times import local_time, rfc3339
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_exec, counts

MS, SECOND = 1_000_000, 1_000_000_000


def a_run(
    database: Database, first: int, last: int, *, ended: bool = True, losses: tuple[Loss, ...] = ()
) -> None:
    """Records from the exec `first` to `last`, which are milliseconds, and a little beyond."""
    recording = Recording(database, MACHINE, "0", START_NS + first * MS)
    end_ns = START_NS + last * MS + 500
    lost = sum(loss.lost for loss in losses)
    execs = [an_exec(n) for n in range(first, last + 1)]
    account = Account(START_NS + first * MS, end_ns, losses)
    recording.write(execs, [], counts(len(execs), lost), account)
    if ended:
        recording.finish(end_ns, counts(len(execs), lost))


def at(ms: int) -> str:
    return rfc3339(START_NS + ms * MS)


CRASH = (
    f"note: nothing was recorded from {local_time(START_NS + 6 * MS)} to "
    f"{local_time(START_NS + 500 * MS)} (the collector had crashed)\n"
)
STOPPED = (
    f"note: nothing was recorded from {local_time(START_NS + 510 * MS)} to "
    f"{local_time(START_NS + 1_000 * MS)} (no collector was running)\n"
)
LOST = (
    f"note: 5 execs were lost from {local_time(START_NS + 503 * MS)} to "
    f"{local_time(START_NS + 505 * MS)} (ring full)\n"
)
