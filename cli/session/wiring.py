"""Wires the parts of a recording together: kernel, database, config and terminal."""

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from execdb.bpf.program import Program
from execdb.cli.input.formats import StreamFormat
from execdb.cli.output.streams import encode_for
from execdb.cli.session.background import Background
from execdb.cli.session.database_side import DatabaseSide, open_database_side
from execdb.cli.session.live_view import LiveView
from execdb.cli.session.messages import warn
from execdb.cli.session.options import CollectOptions
from execdb.cli.show.formats import renderer
from execdb.collector.argument_cuts import ArgumentCuts
from execdb.collector.clock import Clock
from execdb.collector.collect import Collector
from execdb.collector.interfaces import Wiring
from execdb.collector.kernel_source import KernelSource
from execdb.collector.mirror import Mirror
from execdb.collector.own_process.process_limits import ProcessLimits
from execdb.collector.running.namespaces import boot_shift_ns
from execdb.collector.running.programs import ALL_BYTES, RunningPrograms
from execdb.store.config.table import ConfigTable
from execdb.store.event import Exec
from execdb.store.limits.bounds import Bounds
from execdb.store.writing.recording import Recording


@dataclass(frozen=True)
class Session:
    """A recording that is ready to run."""

    source: KernelSource
    store: DatabaseSide
    collector: Collector
    cuts: ArgumentCuts
    live: LiveView | None


def wire(
    options: CollectOptions, background: Background, interrupt: int, stack: contextlib.ExitStack
) -> Session:
    """Opens and locks the database and builds everything else; `stack` closes it. Waits wake when
    the descriptor `interrupt` has something to read. Raises DatabaseError, RecordingError,
    KeyboardInterrupt if loading was interrupted."""
    shift_ns = boot_shift_ns()
    clock = Clock(shift_ns)
    source = stack.enter_context(contextlib.closing(background.source.result()))
    source.watch(interrupt)
    background.database.result()
    store = open_database_side(options, clock, stack)
    live = _live_view(options.shown, store.recording)
    cuts = ArgumentCuts(options.argument_budget or 0, source.cut_by_user, warn)
    limits = ProcessLimits(warn)

    def tidy() -> None:
        limits.look(time.monotonic())
        store.tidy(clock.wall_ns())

    wiring = Wiring(
        source=source,
        sink=store.recording,
        mirror=_mirror(store, source.program),
        clock=clock,
        show=_show_nothing if live is None else live.show,
        running=_running_programs(clock, shift_ns, options.bounds),
        tidy=tidy,
        room=store.room,
        warn=warn,
        batch_max=options.bounds.batch_max,
        look_at_cuts=cuts.look,
    )
    return Session(source, store, Collector(wiring), cuts, live)


def _mirror(store: DatabaseSide, program: Program) -> Mirror:
    return Mirror(ConfigTable(store.database), program.config, program.fallback, warn)


def _running_programs(clock: Clock, shift_ns: int, bounds: Bounds) -> RunningPrograms:
    """In a small database their arguments may take a quarter of the room."""
    arguments_max = ALL_BYTES if bounds.room_bytes is None else bounds.room_bytes // 4
    return RunningPrograms(clock.offset_ns, shift_ns, arguments_max)


def _live_view(shown: StreamFormat | None, recording: Recording) -> LiveView | None:
    if shown is None:
        return None
    encode_for(shown)
    stdout = sys.stdout.fileno(), sys.stdout.encoding
    return LiveView(renderer(shown), recording.machine, recording.run_id, stdout, warn)


def _show_nothing(ids: Sequence[int], execs: Sequence[Exec]) -> None:
    pass
