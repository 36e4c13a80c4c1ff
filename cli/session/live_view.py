"""Shows execs as they are recorded. A slow or stopped terminal never delays the recording."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from execdb.cli.output.counted import counted
from execdb.cli.output.outlet import Outlet
from execdb.cli.session.pace import Pace
from execdb.cli.show.formats import Renderer
from execdb.store.errors import DatabaseError
from execdb.store.event import Event, Exec
from execdb.store.fields import at_exec
from execdb.store.writing.recording import Machine

_QUEUE_MAX = 4_000_000  # characters of execs that are queued
_EACH = 300  # characters of an event besides its command
_CLOSE_S = 2.0  # how long `close` may write
_SAY_S = 1.0  # how soon it is said that lines were left out


class Row(NamedTuple):
    """An exec that was stored, and what the database knows of it."""

    id: int
    exec: Exec
    parent_id: int | None


@dataclass(frozen=True)
class Origin:
    """What all rows of a recording share, and who started each exec of a batch just stored."""

    machine: Machine
    run_id: int
    parents_of: Callable[[Sequence[Exec]], list[int | None]]

    def rows(self, ids: Sequence[int], execs: Sequence[Exec]) -> list[Row]:
        try:
            parents = self.parents_of(execs)
        except DatabaseError:  # they are stored: what is shown may lack it
            parents = [None] * len(execs)
        return list(map(Row, ids, execs, parents))

    def event(self, row: Row) -> Event:
        host, boot_id = self.machine.host, self.machine.boot_id
        return at_exec(row.exec, row.id, self.run_id, boot_id, host, row.parent_id)


class LiveView:
    """`show` queues a batch and returns at once. `warn` is called if execs cannot be shown, which
    never ends a recording; when the reader has gone, showing ends."""

    def __init__(
        self,
        renderer: Renderer,
        origin: Origin,
        wanted: Callable[[Event], bool] | None,
        pace: Pace | None,
        stdout: tuple[int, str],  # descriptor, encoding
        warn: Callable[[str], None],
    ) -> None:
        """`wanted` is asked once about each event, None: all are; without a `pace` all of those
        are shown."""
        self._render, self._origin, self._wanted, self._pace = renderer, origin, wanted, pace
        fd, encoding = stdout

        def missed(count: int) -> str:
            warn(f"{counted(count, 'exec')} recorded but not shown: stdout did not take all")
            return ""

        def full(why: str) -> None:
            warn(f"stdout takes nothing ({why}): execs are recorded, but not shown")

        def lost() -> None:
            self._has_reader = False
            warn("nobody reads stdout any more: execs are recorded, but not shown")

        self._has_reader = True
        self._outlet = Outlet(fd, _QUEUE_MAX, missed, full, lost, encoding)
        self._lock = threading.Lock()  # of the pace and the timer
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """To be called once the process has dropped its privileges: the thread that writes keeps
        those that it begins with. Until then batches are queued."""
        self._outlet.start()

    def show(self, ids: Sequence[int], execs: Sequence[Exec]) -> None:
        rows = self._origin.rows(ids, execs)
        if self._wanted is not None:
            rows = [row for row in rows if self._wanted(self._origin.event(row))]
        rows = rows[: self._readable(len(rows))]
        chars = sum(_EACH + sum(map(len, row.exec.command.argv)) for row in rows)
        self._outlet.put(self._texts(rows), len(rows), chars)

    def close(self) -> int:
        """Shows what is queued if that is quick; returns how many execs were not shown, 0 if the
        reader has gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._say_left_out()
        return self._outlet.close(_CLOSE_S) * self._has_reader

    def _texts(self, rows: Sequence[Row]) -> Iterator[str]:
        """Made into text in the thread that writes it."""
        return self._render(map(self._origin.event, rows))

    def _readable(self, count: int) -> int:
        """How many of so many a person can read. Soon it is said how many were left out, also if
        nothing is recorded after them."""
        if self._pace is None:
            return count
        with self._lock:
            shown = self._pace.take(time.monotonic(), count)
            if shown < count and self._timer is None:
                self._timer = threading.Timer(_SAY_S, self._say_left_out)
                self._timer.daemon = True
                try:
                    self._timer.start()
                except RuntimeError:  # no thread can be started now: the next batch tries again
                    self._timer = None
        return shown

    def _say_left_out(self) -> None:
        with self._lock:
            self._timer = None
            count = self._pace.left_out() if self._pace is not None else 0
        if count:
            self._outlet.put([f"... {count} more not shown: too many to read\n"], 1, _EACH)
