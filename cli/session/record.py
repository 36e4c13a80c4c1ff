"""One recording from start to end: load, open, catch up, drop privileges, drain, close.

Importing this is cheap: `execdb collect --help` does. What a recording needs is imported while the
kernel's side is compiled in the background.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from execdb.cli.input.option_files import asked_by
from execdb.cli.input.users import Identity, group_of, own_user, user_named
from execdb.cli.output.counted import counted
from execdb.cli.output.outlet import Outlet, take_over_stderr
from execdb.cli.output.streams import say
from execdb.cli.service.running.notify import ServiceManager, service_manager
from execdb.cli.session.messages import started, status, summary, warn_of_missing_ends
from execdb.cli.session.options import RecordOptions
from execdb.cli.session.requests.reload import Reload
from execdb.cli.session.stop import Stop
from execdb.store.errors import DatabaseError, RecordingError

if TYPE_CHECKING:
    from execdb.cli.session.wiring import Session


def record(options: RecordOptions, stop: Stop, reload: Reload) -> None:
    """Records until asked to stop, and says what became of it. From here on the process waits
    neither for stdout nor for stderr. Raises RecordingError, DatabaseError, UsageError."""
    stderr = take_over_stderr()
    with contextlib.ExitStack() as stack:
        manager = stack.enter_context(contextlib.closing(service_manager(os.environ)))
        session, user = _prepare(options, stop, stack)
        started_s = time.monotonic()
        not_shown = _Recording(session, user, options.path, stop, stderr, manager, reload).run()
        warn_of_missing_ends(session.source, session.collector.storage.ends_lost)
    if cut := session.cuts.total:
        say(
            f"{counted(cut, 'exec')} with arguments cut: over the user's limit, or while a ring "
            "was filling up"
        )
    if not_shown:
        say(f"{counted(not_shown, 'exec')} recorded but not shown: stdout did not take all")
    say(summary(session.collector.ledger, time.monotonic() - started_s, options.path))
    if session.collector.storage.failure is not None:
        raise RecordingError(session.collector.storage.failure)


def _prepare(
    options: RecordOptions, stop: Stop, stack: contextlib.ExitStack
) -> "tuple[Session, Identity]":
    """Loads, opens and locks what a recording needs; `stack` closes it. With it the user to switch
    to once it records."""
    with asked_by("user"):
        user = None if options.user is None else user_named(options.user)
    with asked_by("group"):
        group = None if options.group is None else group_of(options.group)
    new_folder = not options.path.parent.exists()
    from execdb.cli.session.background import start_background

    background = start_background(options, stop.descriptor)
    # Meanwhile another process compiles, which takes longer than these imports.
    from execdb.cli.session.wiring import wire
    from execdb.collector.own_process.footprint import settle
    from execdb.store.file.safe_files import share

    settle()  # of what was imported; what comes now is little, and delays the first exec
    session = wire(options, background, stop.descriptor, stack)
    if group is not None:
        share(options.path, group, folder=new_folder)
    settle()
    return session, user or own_user()


@dataclass
class _Recording:
    """A session that is ready, from its first exec until its database is closed."""

    session: "Session"
    user: Identity
    path: Path
    stop: Stop
    stderr: Outlet
    manager: ServiceManager
    reload: Reload
    _problem: str | None = None
    _checked_ns: int = 0  # the boot time of the drain that was checked last

    def run(self) -> int:
        """Returns how many execs were not shown. Raises RecordingError if something else than a
        request to stop ended it."""
        store, live = self.session.store, self.session.live
        try:
            self.session.collector.run(self._is_over, self._begin)
        except Exception as error:  # if the file was moved or replaced, the error says little
            problem = store.integrity.content_problem()
            if problem is None:
                raise
            raise RecordingError(problem) from error
        finally:
            not_shown = 0 if live is None else live.close()
        store.checkpoints.close()
        problem = store.integrity.content_problem() or self._problem
        with contextlib.suppress(DatabaseError):  # everything is safe in the WAL as well
            if not store.database.abandoned:
                store.database.checkpoint()
        if problem is not None:
            raise RecordingError(problem)
        return not_shown

    def _begin(self) -> None:
        """Called once the first execs can be stored."""
        from execdb.collector.own_process.privileges import CAP_BPF, drop

        source, live = self.session.source, self.session.live
        # Kernels before 5.19 require CAP_BPF to read and update maps.
        kept = drop(*self.user, {CAP_BPF: source.counts})
        # Threads keep the privileges that they begin with: so they begin only now.
        self.stderr.start()
        if live is not None:
            live.start()
        self.session.store.checkpoints.start()
        how = "" if self.manager.is_there else f" ({self.stop.how()})"
        say(started(self.path, source, kept) + how)
        self.manager.ready(self._status())

    def _is_over(self) -> bool:
        """Called between two drains. Does what was asked of the collector meanwhile."""
        session, stop = self.session, self.stop
        self.manager.alive(time.monotonic(), self._status)
        stop.hear()
        if stop.successor() and session.store.lock.hand_over():
            say("another collector takes over")
            stop.ask()
        if stop.reload():
            self.reload(session.change)
        if session.collector.storage.drained_ns != self._checked_ns:  # else nothing has happened
            self._checked_ns = session.collector.storage.drained_ns
            self._problem = session.store.problem() or session.source.gone()
        if self._problem is None and not stop.asked():
            return False
        self.manager.stopping()
        return True

    def _status(self) -> str:
        return status(self.session.collector.ledger, self.path)
