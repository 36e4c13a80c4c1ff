"""Taking over from a running collector: both record for a moment, then the other one ends."""

import contextlib
import fcntl
import struct
import termios
import time
from collections.abc import Callable
from pathlib import Path

from execdb.cli.output.streams import say
from execdb.collector.clock import Clock
from execdb.collector.decoding.decoder import Decoder
from execdb.collector.kernel_source import KernelSource
from execdb.collector.mirror import Mirror
from execdb.collector.rules.filtered import FilteredCounts
from execdb.collector.succession.overlap import Seen, without_stored
from execdb.collector.succession.predecessor import Predecessor
from execdb.store.errors import RecordingError
from execdb.store.file.database import Database
from execdb.store.file.locks.claim import Claim
from execdb.store.file.locks.collector_lock import CollectorWatch
from execdb.store.writing.handed_over import end_of_run_before, stored_since
from execdb.store.writing.recording import Recording

_TOGETHER_S = 1.0  # both record; longer than two stamps of one exec can be apart
_WITHIN_S = 10.0  # without an answer until then, the other one continues
_ENDS_WITHIN_S = 60.0  # the longest wait for one that has begun to end
_LOOK_S = 0.02
_BYTES_MAX = 40_000_000  # of memory for what is seen meanwhile


class TakeOver:
    """Attaches beside the collector that records to `database`, and keeps in memory what happens
    until that one has ended. `interrupt` is a pipe with a byte for each time the user gives up."""

    def __init__(
        self,
        source: KernelSource,
        mirror: Mirror,
        decoder: Decoder,
        filtered: FilteredCounts,
        clock: Clock,
        interrupt: int,
    ) -> None:
        self._source, self._mirror, self._decoder = source, mirror, decoder
        self._filtered, self._clock, self._interrupt = filtered, clock, interrupt
        self._seen = Seen([], [], 0)
        self._since_ns = 0

    def wait(self, database: Path) -> bool:
        """Returns when the other collector has ended; False if there is none. Raises
        RecordingError if it continues to record, KeyboardInterrupt."""
        with contextlib.closing(CollectorWatch(database)) as watch:
            pid = watch.pid()
            if pid is None:
                say(f"no collector records to {database}: there is nothing to take over")
                return False
            with (
                contextlib.closing(Claim(database)) as claim,
                contextlib.closing(Predecessor(pid, claim.file)) as other,
            ):
                if watch.pid() != pid:
                    raise RecordingError("the collector has changed meanwhile: try again")
                self._attach(other)
                self._let_end(other, claim, lambda: watch.pid() != pid)
        return True

    def _attach(self, other: Predecessor) -> None:
        source, images = self._source, other.images()
        self._mirror.update(self._clock.boot_ns() / 1e9)
        source.inherit(images)
        source.track()
        source.inherit(images)
        source.attach()
        self._since_ns = self._clock.boot_ns()
        source.inherit(images)

    def _let_end(self, other: Predecessor, claim: Claim, ended: Callable[[], bool]) -> None:
        asked_s = time.monotonic() + _TOGETHER_S
        while time.monotonic() < asked_s:
            self._look()
            if self._interrupts():
                say("stopped before recording began")
                raise KeyboardInterrupt
        self._filtered.begin(self._clock.boot_ns())
        self._source.begin_to_count()
        other.ask()
        said = False
        while not ended():
            self._look()
            waited_s, interrupts = time.monotonic() - asked_s, self._interrupts()
            late = why_late(other.pid, waited_s, self._seen.size_bytes)
            if (interrupts or late) and claim.withdraw():
                if interrupts:
                    raise KeyboardInterrupt
                raise RecordingError(f"{late}: it continues to record")
            if interrupts > 1 or waited_s > _ENDS_WITHIN_S:
                raise RecordingError(
                    f"the collector (pid {other.pid}) has begun to end, and has not ended: "
                    f"kill -9 {other.pid}, then start"
                )
            if interrupts and not said:
                say(f"the collector (pid {other.pid}) is ending: interrupt again to give up")
                said = True
            if interrupts:  # a wait ends at once from now on
                time.sleep(_LOOK_S)
        self._look()

    def _look(self) -> None:
        self._source.wait(_LOOK_S)
        if self._seen.size_bytes > _BYTES_MAX:
            return  # what does not fit into the rings is lost, and counted
        decoded = self._decoder.decode(self._source.read(), self._clock.offset_ns())
        self._seen.execs.extend(decoded.execs)
        self._seen.ends.extend(decoded.ends)
        self._seen = self._seen._replace(
            size_bytes=self._seen.size_bytes + self._decoder.size_bytes
        )

    def _interrupts(self) -> int:
        """How often the user has asked to end: each time has written a byte."""
        answer = fcntl.ioctl(self._interrupt, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", answer)[0])

    def settle(self, recording: Recording, database: Database) -> tuple[Seen, int]:
        """To be called when the new run has begun. Returns the events that only this process has
        seen, and the boot time at which the run before ended."""
        boot_id = recording.machine.boot_id
        with database.reading() as connection:
            rows = stored_since(connection, boot_id, self._since_ns - 2_000_000_000)
            ended_ns = end_of_run_before(connection, recording.run_id)
        found = without_stored(self._seen, rows)
        recording.inherit({key: (row.id, row.ended) for key, row in found.rows.items()})
        self._source.rename({key: row.boot_ns for key, row in found.rows.items()})
        self._source.leave_out(found.stored)
        begun_ns = self._since_ns
        if ended_ns is not None:
            begun_ns = max(begun_ns, ended_ns - self._clock.offset_ns())
        return found.new, begun_ns


def why_late(pid: int, waited_s: float, size_bytes: int) -> str | None:
    """Why the collector `pid`, asked so long ago, is not waited for any longer; None while it is.
    What was seen meanwhile has this size in memory."""
    if size_bytes > _BYTES_MAX:
        return (
            f"before the collector (pid {pid}) answered, more was started than fits into "
            f"{_BYTES_MAX // 1_000_000} MB"
        )
    if waited_s > _WITHIN_S:
        return f"the collector (pid {pid}) did not answer within {_WITHIN_S:.0f} s"
    return None
