"""One collector life: wires kernel, database and terminal together, and ends them in order."""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from execdb import __version__
from execdb.cli.input.formats import StreamFormat
from execdb.cli.input.users import group_of, own_user, user_named
from execdb.cli.output.escape import escape
from execdb.cli.output.outlet import Outlet, take_over_stderr
from execdb.cli.session.stop import Stop
from execdb.cli.show.gap_notes import causes
from execdb.store.errors import DatabaseError, RecordingError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from execdb.cli.session.live_view import Live
    from execdb.collector.argument_cuts import ArgumentCuts
    from execdb.collector.collect import Collector
    from execdb.collector.kernel_source import KernelSource
    from execdb.store.account import Cause
    from execdb.store.event import Exec
    from execdb.store.file.database import Database
    from execdb.store.integrity.file_integrity import FileIntegrity
    from execdb.store.limits.bounds import Bounds
    from execdb.store.limits.checkpoint import Checkpointer
    from execdb.store.writing.recording import Machine

_STEPS = 8  # of retention between two drains: as much may go as comes
_TIDY_S = 0.02  # after which no further one is begun: the rings go on filling
_LOCK_MS = 30  # the rings go on filling while the database is locked by someone else


@dataclass(frozen=True)
class Asked:
    """What the user wants: where to, what to show, what of the kernel, names of who the collector
    is to be and who may read, what the file may take and what it must leave of the disk, how many
    bytes a second of arguments each user may have (None: any)."""

    path: Path
    shown: StreamFormat | None
    ring_pages: int
    attempts: bool
    btf: Path
    user: str | None
    group: str | None
    bounds: "Bounds"
    min_free_percent: float
    argument_budget: int | None


@dataclass(frozen=True)
class Life:
    """What a recording is made of, once it is wired."""

    source: "KernelSource"
    database: "Database"
    checkpoints: "Checkpointer"
    integrity: "FileIntegrity"
    collector: "Collector"
    cuts: "ArgumentCuts"
    user: tuple[int, int]  # to become: uid, gid
    live: "Live | None"


def record(asked: Asked, stop: Stop) -> None:
    """One collector life, from the lock to the summary. From here on the process waits neither for
    stdout nor for stderr."""
    stderr = take_over_stderr()
    with contextlib.ExitStack() as stack:
        life = _wire(asked, stop, stack)
        started_s = time.monotonic()
        skipped = _run(life, asked.path, stop, stderr)
        _warn_of_missing_ends(life.source, life.collector.storage.ends_lost)
    if cut := life.cuts.total:
        _say(
            f"{cut} execs had their arguments cut: over --argument-budget, or while a ring was "
            "filling up"
        )
    if skipped:
        _say(f"{skipped} execs were recorded but not shown: stdout did not take them")
    elapsed_s = time.monotonic() - started_s
    ledger = life.collector.ledger
    _say(
        f"recorded {ledger.stored} execs in {elapsed_s:.1f} s, {_lost(ledger.by_cause)}, "
        f"{asked.path}"
    )
    if life.collector.storage.failure is not None:
        raise RecordingError(life.collector.storage.failure)


def _wire(asked: Asked, stop: Stop, stack: contextlib.ExitStack) -> Life:
    """Loads, opens and locks what a recording needs; `stack` closes it."""
    user = None if asked.user is None else user_named(asked.user)
    group = None if asked.group is None else group_of(asked.group)
    path = asked.path
    new_folder = not path.parent.exists()
    loading, preparing = _start(asked, stop)
    # Meanwhile: these take as long to import as the kernel's side takes to load.
    from execdb.collector.argument_cuts import ArgumentCuts
    from execdb.collector.clock import Clock
    from execdb.collector.collect import Collector
    from execdb.collector.interfaces import Wiring
    from execdb.collector.mirror import Mirror
    from execdb.collector.own_process.bus_error import end_with
    from execdb.collector.own_process.footprint import settle
    from execdb.collector.own_process.process_limits import ProcessLimits
    from execdb.collector.running.namespaces import boot_shift_ns
    from execdb.collector.running.programs import ALL_BYTES, RunningPrograms
    from execdb.store.config.table import ConfigTable
    from execdb.store.file.collector_lock import CollectorLock
    from execdb.store.file.database import open_database
    from execdb.store.file.safe_files import share
    from execdb.store.integrity.file_integrity import FileIntegrity
    from execdb.store.limits.checkpoint import Checkpointer
    from execdb.store.limits.excess import Excess
    from execdb.store.limits.free_space import FreeSpace
    from execdb.store.limits.retention import Retention
    from execdb.store.writing.recording import Recording

    shift_ns = boot_shift_ns()
    clock = Clock(shift_ns)
    source = stack.enter_context(contextlib.closing(loading.result()))
    preparing.result()
    source.watch(stop.descriptor)
    database = stack.enter_context(open_database(path, create=True))
    lock = stack.enter_context(contextlib.closing(CollectorLock(path)))
    program, machine = source.program, this_machine()
    _warn_of_missing_rows(database)
    mirror = Mirror(ConfigTable(database), program.config, program.fallback, _warn)
    recording = Recording(database, machine, __version__, clock.wall_ns())
    if asked.bounds.max_bytes is not None:
        recording.keep_small(asked.bounds.max_bytes)
    end_with(escape(f"execdb: {database.real}-shm was truncated while recording: start again"), 1)
    integrity = FileIntegrity(database, lock.problem)
    stack.enter_context(contextlib.closing(integrity))
    database.wait_for_lock(_LOCK_MS)
    retention = Retention(database, asked.bounds, integrity.wal_bytes)
    checkpoints = Checkpointer(database, integrity.wal_bytes)
    stack.enter_context(contextlib.closing(checkpoints))
    bounds = asked.bounds
    room = FreeSpace(database, asked.min_free_percent, bounds.wal_max_bytes, checkpoints.checkpoint)
    stack.enter_context(contextlib.closing(room))
    if group is not None:
        share(path, group, folder=new_folder)
    live = _live(asked.shown, machine, recording.run_id)
    show = _nothing if live is None else live.show
    limits = ProcessLimits(_warn)

    def tidy() -> None:
        limits.look(time.monotonic())
        checkpoints.poll()
        until_s = time.monotonic() + _TIDY_S
        for _ in range(_STEPS):
            done = retention.step(clock.wall_ns()) is None
            late = time.monotonic() > until_s and retention.excess < Excess.MUCH
            if done or late or retention.excess < Excess.SOME:
                break

    arguments_max = ALL_BYTES if bounds.room_bytes is None else bounds.room_bytes // 4
    running, most = RunningPrograms(clock.offset_ns, shift_ns, arguments_max), bounds.batch_max
    cuts = ArgumentCuts(asked.argument_budget or 0, source.cut_by_user, _warn)
    parts = Wiring(
        source, recording, mirror, clock, show, running, tidy, room, _warn, most, cuts.look
    )
    settle()
    collector, user = Collector(parts), user or own_user()
    return Life(source, database, checkpoints, integrity, collector, cuts, user, live)


def _run(life: Life, path: Path, stop: Stop, stderr: Outlet) -> int:
    """Records until asked to stop; returns how many execs were not shown. Raises RecordingError if
    something else ended it."""
    from execdb.collector.own_process.privileges import CAP_BPF, drop

    source, gone = life.source, None

    def begun() -> None:
        # Kernels before 5.19 ask for CAP_BPF to read and update maps.
        kept = drop(*life.user, {CAP_BPF: source.counts})
        stderr.start()
        if life.live is not None:
            life.live.start()
        life.checkpoints.start()
        _say(f"{_begun(path, source, kept)} ({stop.how()})")

    def over() -> bool:
        nonlocal gone
        gone = life.integrity.problem() or source.gone()
        return gone is not None or stop.asked()

    try:
        life.collector.run(over, begun)
    except Exception as error:  # of what has happened to the file, it tells the least
        problem = life.integrity.content_problem()
        if problem is None:
            raise
        raise RecordingError(problem) from error
    finally:
        skipped = 0 if life.live is None else life.live.close()
    life.checkpoints.close()
    gone = life.integrity.content_problem() or gone
    with contextlib.suppress(DatabaseError):  # it is safe in the WAL, too
        if not life.database.abandoned:
            life.database.checkpoint()
    if gone is not None:
        raise RecordingError(gone)
    return skipped


def _lost(by_cause: "dict[Cause, int]") -> str:
    """`0 lost`, or `23 lost (20 ring full, 3 no space)`."""
    found = {str(cause): lost for cause, lost in by_cause.items() if lost}
    return f"{sum(found.values())} lost" + (f" ({causes(found)})" if found else "")


def _warn_of_missing_rows(database: "Database") -> None:
    """As far as can be told at once."""
    from execdb.store.ledger.missing_rows import missing_rows

    try:
        with database.reading() as connection:
            found = missing_rows(connection, all_segments=False)
    except DatabaseError as error:  # no reason not to record
        found = [str(error)]
    for sentence in found[:1]:
        _warn(f"{sentence}: run execdb doctor")


def _warn_of_missing_ends(source: "KernelSource", given_up: int) -> None:
    counts = source.counts()
    ends_lost = counts.ends_lost + given_up
    if ends_lost or counts.untracked:
        _warn(
            f"{ends_lost} ends were lost and {counts.untracked} images could not be "
            "followed: their rows have no end"
        )


def _begun(path: Path, source: "KernelSource", kept: "Sequence[str]") -> str:
    """`kept` are the capabilities that this kernel asks for all the time."""
    from execdb.bpf.offsets import BTF_PATH

    kinds = {hook.kind for hook in source.hooks}
    if "tracepoint" in kinds:
        more = ", with failed attempts through system-call tracepoints, which cost every system "
        more += "call on this machine a little"
    elif "kprobe" in kinds:
        more = ", with failed attempts through kprobes"
    else:
        more = ""
    if source.program.layout_from != f"BTF at {BTF_PATH}":
        more += f", with the kernel's layout from {source.program.layout_from}"
    if kept:
        more += f", keeping {' and '.join(kept)}"
    return f"recording to {path}{more}"


def _start(asked: Asked, stop: Stop) -> tuple["Future[KernelSource]", "Future[None]"]:
    """Begins what other processes do for us: compiling the program, making a new database."""
    from concurrent.futures import ThreadPoolExecutor

    from execdb.collector.own_process.footprint import stay_small
    from execdb.store.file.create import prepare

    stay_small()
    _require_privileges()
    pool = ThreadPoolExecutor(2)
    begun = pool.submit(_kernel, asked, stop), pool.submit(prepare, asked.path, create=True)
    pool.shutdown(wait=False)
    return begun


def _require_privileges() -> None:
    """Before anything is made."""
    from execdb.bpf.errors import KernelError
    from execdb.bpf.requirements import require
    from execdb.collector.running import namespaces

    namespaces.require()
    try:
        require()
    except KernelError as error:
        raise RecordingError(str(error)) from error


def _kernel(asked: Asked, stop: Stop) -> "KernelSource":
    from execdb.bpf.errors import Interrupted, KernelError
    from execdb.collector.kernel_source import KernelSource

    try:
        return KernelSource(
            asked.ring_pages,
            attempts=asked.attempts,
            btf=asked.btf,
            argument_budget=asked.argument_budget,
            interrupt=stop.descriptor,
        )
    except Interrupted:
        _say("stopped before recording began")
        raise KeyboardInterrupt from None
    except KernelError as error:
        raise RecordingError(str(error)) from error


def _nothing(ids: "Sequence[int]", execs: "Sequence[Exec]") -> None:
    """Shows nothing."""


def _live(shown: StreamFormat | None, machine: "Machine", run_id: int) -> "Live | None":
    if shown is None:
        return None
    from execdb.cli.output.streams import encode_for
    from execdb.cli.session.live_view import Live
    from execdb.cli.show.formats import renderer

    encode_for(shown)
    stdout = sys.stdout.fileno(), sys.stdout.encoding
    return Live(renderer(shown), machine, run_id, stdout, _warn)


def this_machine() -> "Machine":
    from execdb.store.event import text_of
    from execdb.store.writing.recording import Machine

    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    host = text_of(os.fsencode(os.uname().nodename))  # any bytes may be a host's name
    return Machine(host=host, boot_id=boot_id, kernel=os.uname().release)


def _say(text: str) -> None:
    sys.stderr.write(f"{escape(text)}\n")  # which does not wait: see `record`


def _warn(text: str) -> None:
    _say(f"warning: {text}")
