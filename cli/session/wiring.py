"""Wires the parts of a recording together: kernel, database, config and terminal."""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from execdb.bpf.program import Program
from execdb.bpf.syscall import wait_for_programs
from execdb.cli.input.formats import StreamFormat
from execdb.cli.output.streams import encode_for
from execdb.cli.session.background import Background
from execdb.cli.session.database_side import DatabaseSide, open_current, open_database_side
from execdb.cli.session.live_view import LiveView, Origin
from execdb.cli.session.messages import warn
from execdb.cli.session.options import RecordOptions
from execdb.cli.session.pace import Pace
from execdb.cli.session.redacting import RedactingSink, Redaction
from execdb.cli.session.requests.take_over import TakeOver
from execdb.cli.show.formats import renderer
from execdb.collector.argument_cuts import ArgumentCuts
from execdb.collector.clock import Clock
from execdb.collector.collect import Collector
from execdb.collector.decoding.decoder import Decoder
from execdb.collector.decoding.mounts import Mounts
from execdb.collector.interfaces import Wiring
from execdb.collector.kernel_source import KernelSource
from execdb.collector.mirror import Mirror
from execdb.collector.own_process.process_limits import ProcessLimits
from execdb.collector.rules.filtered import FilteredCounts
from execdb.collector.rules.rule_maps import RuleMaps
from execdb.collector.rules.slots import Slots
from execdb.collector.running.namespaces import boot_shift_ns, first_namespaces
from execdb.collector.running.programs import ALL_BYTES, RunningPrograms
from execdb.store.config.table import ConfigTable
from execdb.store.event import Event, Exec
from execdb.store.file.database import Database
from execdb.store.limits.bounds import Bounds
from execdb.store.reading.event_filter import EventFilter, StartFilter
from execdb.store.segments.segment import descendants_of


@dataclass(frozen=True)
class Session:
    """A recording that is ready to run."""

    source: KernelSource
    store: DatabaseSide
    collector: Collector
    cuts: ArgumentCuts
    live: LiveView | None
    _sink: RedactingSink

    def change(self, options: RecordOptions) -> None:
        """From now on the limits and the redaction are these. What is stored already is limited as
        well, but not redacted. Raises DatabaseError."""
        self._sink.redaction = _redaction(options)
        self.store.change(options)
        self.collector.limit_batches(options.bounds.batch_max)


def wire(
    options: RecordOptions, background: Background, interrupt: int, stack: contextlib.ExitStack
) -> Session:
    """Opens and locks the database and builds everything else; `stack` closes it. Waits wake when
    the descriptor `interrupt` has something to read. Raises DatabaseError, RecordingError,
    KeyboardInterrupt if loading was interrupted."""
    shift_ns = boot_shift_ns()
    clock = Clock(shift_ns)
    source = stack.enter_context(contextlib.closing(background.source.result()))
    source.watch(interrupt)
    background.database.result()
    database = stack.enter_context(open_current(options.path))
    slots = Slots()
    mirror = _mirror(database, source.program, slots, clock)
    filtered = FilteredCounts(source.program, slots)
    mounts = stack.enter_context(contextlib.closing(Mounts()))
    decoder = Decoder(mounts, first_namespaces())
    take_over = TakeOver(source, mirror, decoder, filtered, clock, interrupt)
    taken = options.take_over and take_over.wait(options.path)
    store = open_database_side(options, database, clock, stack)
    for fd, events in store.changes.fds:
        source.watch(fd, events, asleep=True)
    live = _live_view(options, store)
    sink = RedactingSink(store.recording, _redaction(options))
    cuts = ArgumentCuts(source.cut_by_user, warn)
    wiring = Wiring(
        source=source,
        sink=sink,
        mirror=mirror,
        clock=clock,
        show=_show(live, sink),
        running=_running_programs(clock, shift_ns, options.bounds),
        tidy=_tidy(ProcessLimits(warn), store, clock),
        room=store.room,
        warn=warn,
        batch_max=options.bounds.batch_max,
        look_at_cuts=cuts.look,
        filtered=filtered,
        files=store.changes,
    )
    collector = Collector(wiring, decoder)
    if taken:
        mirror.confirm_again()
        collector.take(*take_over.settle(store.recording, database))
    return Session(source, store, collector, cuts, live, sink)


def _mirror(database: Database, program: Program, slots: Slots, clock: Clock) -> Mirror:
    table = ConfigTable(database, clock=clock.wall_ns)
    return Mirror(table, program, RuleMaps(program, slots, wait_for_programs, warn), warn)


def _running_programs(clock: Clock, shift_ns: int, bounds: Bounds) -> RunningPrograms:
    """In a small database their arguments may take a quarter of the room."""
    arguments_max = ALL_BYTES if bounds.room_bytes is None else bounds.room_bytes // 4
    return RunningPrograms(clock.offset_ns, shift_ns, arguments_max)


def _redaction(options: RecordOptions) -> Redaction | None:
    return None if options.redact is None else Redaction(options.redact)


def _live_view(options: RecordOptions, store: DatabaseSide) -> LiveView | None:
    if options.shown is None:
        return None
    encode_for(options.shown)
    recording, render, fd = store.recording, renderer(options.shown), sys.stdout.fileno()
    people = sys.stdout.isatty() and options.shown is not StreamFormat.NDJSON
    if people:
        from execdb.cli.show.fitting import fit_terminal

        render = fit_terminal(render, fd)
    origin = Origin(recording.machine, recording.run_id, recording.parents_of)
    wanted = _wanted(options.wanted, store.database)
    stdout = fd, sys.stdout.encoding
    return LiveView(render, origin, wanted, Pace() if people else None, stdout, warn)


def _wanted(wanted: StartFilter, database: Database) -> Callable[[Event], bool] | None:
    """Whether an event is to be shown; None if all are."""
    if wanted == StartFilter():
        return None
    from execdb.store.linear_regex import LinearRegex

    family: list[int] = []
    if wanted.descendants_of:
        with database.reading() as connection:
            family = descendants_of(connection, wanted.descendants_of)
    return EventFilter(wanted, family, LinearRegex).may_want


def _show(
    live: LiveView | None, sink: RedactingSink
) -> Callable[[Sequence[int], Sequence[Exec]], None]:
    def show(ids: Sequence[int], execs: Sequence[Exec]) -> None:
        if live is not None:
            live.show(ids, sink.execs(execs))

    return show


def _tidy(limits: ProcessLimits, store: DatabaseSide, clock: Clock) -> Callable[[], bool]:
    def tidy() -> bool:
        limits.look(time.monotonic())
        return store.tidy(clock.wall_ns())

    return tidy
