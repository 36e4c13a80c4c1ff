"""Shows execs as they happen, on a thread of its own: a slow or stopped terminal must never
hold up the recorder."""

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Sequence

from execdb.cli.render import Renderer
from execdb.store.event import Event, Exec
from execdb.store.recording import Machine

_BATCHES = 256  # waiting to be shown; at ten a second
_LAST_WORDS_S = 2.0


class Live:
    """`show` hands a batch over and returns at once. `gone` is set when stdout is."""

    def __init__(
        self, renderer: Renderer, machine: Machine, run_id: int, gone: Callable[[], None]
    ) -> None:
        self._render, self._machine, self._run_id, self._gone = renderer, machine, run_id, gone
        self._queue: queue.Queue[tuple[Sequence[int], Sequence[Exec]] | None] = queue.Queue(
            _BATCHES
        )
        self._skipped = 0
        self._thread = threading.Thread(target=self._work, name="live", daemon=True)

    def show(self, ids: Sequence[int], execs: Sequence[Exec]) -> None:
        if self._thread.ident is None:  # not earlier: it is to have the privileges of later on
            self._thread.start()
        try:
            self._queue.put_nowait((ids, execs))
        except queue.Full:
            self._skipped += len(execs)

    def close(self) -> int:
        """Shows what is waiting, if that goes quickly; returns how many were not shown."""
        if self._thread.ident is None:
            return 0
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_LAST_WORDS_S)
        self._thread.join(_LAST_WORDS_S)
        return self._skipped

    def _work(self) -> None:
        try:
            while (batch := self._queue.get()) is not None:
                events = (self._event(number, e) for number, e in zip(*batch, strict=True))
                sys.stdout.write("".join(self._render(events)))
                sys.stdout.flush()
        except OSError:  # a closed pipe, a vanished terminal
            self._gone()

    def _event(self, number: int, e: Exec) -> Event:
        creds, command = e.creds, e.command
        return Event(
            number, self._run_id, e.time_ns, e.boot_ns, self._machine.boot_id, self._machine.host,
            e.pid, e.ppid, creds.uid, creds.euid, creds.gid, creds.loginuid, creds.sessionid,
            creds.tty, command.comm, command.filename, command.argv, command.argc,
            command.truncated, e.place.cwd, e.place.cgroup, creds.message, e.errno, e.caller,
            ended=None, exit_code=None, signal=None, duration_ns=None, parent_id=None,
        )  # fmt: skip
