"""From the backlog to the database, and what happens if the database takes nothing.

- Another program holds the lock: events wait, and the next drain tries again.
- The disk is full, or another limit is reached: execs are counted as lost, and the disk is tried
  again each second.
- The disk has any other trouble, which may pass: events wait, and it is tried again each second.

Waiting is bounded: of too many events that wait, the oldest are given up and counted as lost.
"""

import contextlib
from collections.abc import Callable
from functools import partial

from execdb.collector.backlog import Backlog, Batch
from execdb.collector.interfaces import Wiring
from execdb.collector.ledger import Ledger
from execdb.store.account import Cause
from execdb.store.errors import DatabaseBusy, DatabaseFull, DatabaseRefused

_LAST_ATTEMPTS = 330  # to store the rest at the end while another program holds the lock
_RETRY_NS = 1_000_000_000  # how soon the disk is tried again after it refused
_SPARING_NS = 1_000_000_000  # how often the ledger is written while there is no room for execs
_STEADY_NS = 2_000_000_000  # storing is said to work again once nothing was given up for this long
_ALIVE_NS = 5_000_000_000  # how often the ledger is written while there is nothing else to write
_EVER_NS = 1 << 62


class Storage:
    """Stores batches with the ledger. `counts` is what the database has of the ledger, `ends_lost`
    how many ends were given up. If the end of a recording could not be stored, `failure` says
    why."""

    def __init__(self, wiring: Wiring, backlog: Backlog, ledger: Ledger) -> None:
        self._wiring, self._backlog, self._ledger = wiring, backlog, ledger
        self.counts = ledger.counts()
        self.ends_lost = 0
        self.failure: str | None = None
        self.behind = False  # whether the last batch was not all that could be stored
        self._uncounted = 0  # execs given up since storing last worked
        self._refusal: DatabaseRefused | None = None  # why the disk refused the last batch
        # Moments of boot time:
        self.drained_ns = 0  # up to here the rings were read, at the latest
        self._settled_ns = 0  # what is older is stored, or counted as lost
        self._written_ns = 0
        self._retry_ns = 0  # before this the disk is not tried again
        self._given_up_ns = 0  # when something was given up last

    def begin(self, now_ns: int) -> None:
        """Recording begins at this boot time."""
        self.drained_ns = self._settled_ns = self._written_ns = now_ns

    def has_room(self) -> bool:
        """Whether anything may be stored now."""
        return self._lack(self._now_ns()) is None

    def store(self, until_ns: int) -> None:
        """Stores what happened up to `until_ns` (boot time), or counts it as lost if there is no
        room for it."""
        now_ns, until_ns = self._now_ns(), max(until_ns, self._settled_ns)
        cause = self._lack(now_ns)
        if cause is not None:
            self._give_up(cause, until_ns)
        if now_ns >= self._retry_ns:
            self._try(cause, until_ns, now_ns)
        self._bound()

    def store_the_rest(self) -> None:
        """Stores all that is left, and tries for long if another program holds the lock."""
        cause = self._lack(self._now_ns())
        if cause is not None:
            self.failure = f"the last execs could not be stored: {cause}"
        while self.failure is None and (self._backlog.execs or self._backlog.ends):
            try:
                _patiently(partial(self._write, self._backlog.batch(_EVER_NS)), _LAST_ATTEMPTS)
            except DatabaseRefused as error:
                cause = Cause.NO_SPACE if isinstance(error, DatabaseFull) else Cause.REFUSED
                self.failure = f"the last execs could not be stored: {error}"
        if cause is not None:
            self._give_up(cause, _EVER_NS)
            self.ends_lost += self._backlog.ends

    def close(self, ended_ns: int) -> None:
        """Stores the final ledger of a recording that ended at this time of day."""
        counts, account = self._ledger.counts(), self._ledger.account(self.drained_ns)
        finish = partial(self._wiring.sink.finish, ended_ns, counts, account)
        try:
            _patiently(finish, _LAST_ATTEMPTS if self.failure is None else 1)
        except DatabaseRefused as error:
            self.failure = f"the ledger of this run could not be stored: {error}"
        else:
            self._ledger.kept()
            self.counts = counts

    def _try(self, cause: Cause | None, until_ns: int, now_ns: int) -> None:
        """Writes a batch, or the ledger alone if there are no events or no room (`cause`)."""
        self.behind = False
        batch = self._backlog.batch(until_ns) if cause is None else Batch([], [], until_ns)
        something = batch.execs or batch.ends
        if not something and not self.is_due(now_ns, sparing=cause is not None):
            return
        try:
            self._write(batch)
        except DatabaseBusy:
            return  # the next step tries again
        except DatabaseRefused as error:
            self._refused(error, until_ns, now_ns)
        else:
            self._refusal = None
            self.behind = batch.until_ns < until_ns
            if cause is None and self._uncounted and now_ns >= self._given_up_ns + _STEADY_NS:
                self._say_it_works_again()

    def _say_it_works_again(self) -> None:
        """Not at once: on a full disk a few rows may find room, and the next ones not."""
        self._wiring.warn(
            f"storing again; {self._uncounted} execs were counted meanwhile, not stored"
        )
        self._uncounted = 0
        self._ledger.say_over()

    def _refused(self, error: DatabaseRefused, until_ns: int, now_ns: int) -> None:
        self._retry_ns = now_ns + _RETRY_NS
        if isinstance(error, DatabaseFull):
            self._give_up(Cause.NO_SPACE, until_ns)
        elif self._refusal is None:
            self._wiring.warn(f"{error}; recording continues")
        self._refusal = error

    def _lack(self, now_ns: int) -> Cause | None:
        """Why nothing should be stored now."""
        if isinstance(self._refusal, DatabaseFull) and now_ns < self._retry_ns:
            return Cause.NO_SPACE
        return self._wiring.room.lack(now_ns / 1e9)

    def due_s(self, now_ns: int) -> float:
        """How long until the ledger is written without any event."""
        return (self._written_ns + _ALIVE_NS - now_ns) / 1e9

    def is_due(self, now_ns: int, *, sparing: bool = False) -> bool:
        """Whether it is time to write the ledger without any event."""
        waited_ns = now_ns - self._written_ns
        changed = self._ledger.pending or self._ledger.counts() != self.counts
        return waited_ns >= _ALIVE_NS or (changed and waited_ns >= _SPARING_NS * sparing)

    def _write(self, batch: Batch) -> None:
        """Raises DatabaseError, after which nothing has changed."""
        execs, ends, until_ns = batch
        until_ns = min(until_ns, self.drained_ns)
        if execs:
            self._ledger.include(execs[0].boot_ns, execs[0].time_ns)
        counts = self._ledger.counts(len(execs))
        # A recorded period excludes its last moment, but what happened at `until_ns` is stored.
        ids = self._wiring.sink.write(execs, ends, counts, self._ledger.account(until_ns + 1))
        self._ledger.stored += len(execs)
        self._ledger.kept()
        self.counts = counts
        self._settled_ns, self._written_ns = until_ns, self._now_ns()
        self._backlog.stored(batch)
        if execs:
            self._wiring.show(ids, execs)

    def _give_up(self, cause: Cause, until_ns: int) -> None:
        """Counts the execs up to `until_ns` as lost instead of storing them."""
        execs = self._backlog.give_up(until_ns)
        until_ns = min(until_ns, self.drained_ns)
        since_ns = min(self._settled_ns, until_ns, *(event.boot_ns for event in execs[:1]))
        self._ledger.lose(cause, len(execs), since_ns, until_ns)
        self._uncounted += len(execs)
        self._given_up_ns = self._now_ns()
        self._settled_ns = max(self._settled_ns, until_ns)

    def _bound(self) -> None:
        """Gives up the oldest events if too many wait."""
        until_ns = self._backlog.too_many_ns()
        if until_ns is None:
            return
        if self._backlog.execs:
            self._give_up(Cause.REFUSED, until_ns)
        self.ends_lost += self._backlog.drop_ends(until_ns)

    def _now_ns(self) -> int:
        return self._wiring.clock.boot_ns()


def _patiently(write: Callable[[], None], attempts: int) -> None:
    """Tries this often while another program holds the lock. Raises DatabaseError."""
    for _ in range(attempts - 1):
        with contextlib.suppress(DatabaseBusy):
            return write()
    return write()
