"""Does what requests ask for, one at a time, in the main thread.

Only there a signal can end what takes too long, also a regular expression that would run for hours.
The server, in a thread of its own, waits; nothing is read from the store while a client is slow.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from execdb.cli.output.descriptors import wait_for
from execdb.cli.wake_up import WakeUp
from execdb.store.asking.kept_open import KeptOpen
from execdb.store.errors import ExecdbError

_WAITING_MAX = 16

T = TypeVar("T")


class TooSlow(ExecdbError):
    """A request took longer than it may."""


class Busy(ExecdbError):
    """Too many requests wait already."""


class _Job(NamedTuple):
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"


class Worker:
    """`run` is called in the server's thread, `work` in the main thread."""

    def __init__(self, store: KeptOpen, limit_s: float, wake_up: WakeUp) -> None:
        self._store, self._limit_s, self._wake_up = store, limit_s, wake_up
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._late, self._stopped = False, False
        self._deadline_s = 0.0
        store.watch(self._is_late)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Raises Busy, and TooSlow after the limit."""
        if self._jobs.qsize() >= _WAITING_MAX:
            raise Busy("too many requests at a time: try again")
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._jobs.put(job)
        self._wake_up.wake()
        answer: T = await job.answer
        return answer

    def work(self) -> None:
        """Works until `stop`."""
        before = signal.signal(signal.SIGALRM, self._interrupt)
        self._wake_up.listen()
        try:
            while not self._stopped:
                if self._jobs.empty():
                    wait_for(self._wake_up.descriptor, writing=False)
                    self._wake_up.clear()
                    continue
                job = self._jobs.get_nowait()
                if not job.answer.cancelled():
                    self._do(job)
        finally:
            signal.signal(signal.SIGALRM, before)

    def stop(self) -> None:
        """May be called by a signal's handler."""
        self._stopped = True
        self._wake_up.wake()

    def _do(self, job: _Job) -> None:
        try:
            result, error = self._timed(job.work), None
        except Exception as raised:  # goes to whoever asked
            result, error = None, raised
        job.loop.call_soon_threadsafe(_tell, job.answer, result, error)

    def _timed(self, work: Callable[[], Any]) -> Any:
        self._late, self._deadline_s = False, time.monotonic() + self._limit_s
        signal.setitimer(signal.ITIMER_REAL, self._limit_s)
        try:
            return work()
        except Exception as error:
            if self._late:  # whatever has become of the exception on its way through SQLite
                raise TooSlow(
                    f"this took longer than {self._limit_s:g} s: choose a shorter time, or other "
                    "terms"
                ) from error
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._store.release()

    def _interrupt(self, *_: object) -> None:
        self._late = True
        raise TooSlow("too slow")

    def _is_late(self) -> bool:
        self._late = self._late or time.monotonic() > self._deadline_s
        return self._late


def _tell(answer: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if answer.cancelled():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)
