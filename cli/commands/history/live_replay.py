"""Starts the chosen history again as harmless stubs, and says what came of it."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from execdb.cli.input.options.live import LiveOptions
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.cli.show.durations import duration
from execdb.cli.show.gap_notes import INCOMPLETE, gaps_of, report
from execdb.cli.show.notes import replay_notes
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.livereplay.planning.plan import Plan
    from execdb.livereplay.planning.times import Warp
    from execdb.livereplay.prepare import Prepared
    from execdb.livereplay.result import Result
    from execdb.livereplay.sandbox.sandbox import Outcome
    from execdb.livereplay.sandbox.tape_file import TapeFile
    from execdb.store.asking.store import Store
    from execdb.store.ledger.coverage import Coverage, Period
    from execdb.store.reading.filter import Filter

_TESTED = ("x86_64",)  # architectures
_MORE_PROCESSES = 64  # than planned: those between a process and its orphan


@dataclass(frozen=True)
class LiveReplay(LiveOptions):
    """With those of every replay."""

    speed: float = 1.0
    idle_limit: float | None = None
    strict: bool = False


def live_replay(place: Path | CentralUrl, wanted: "Filter", options: LiveReplay) -> None:
    """Raises ExecdbError, UsageError."""
    from execdb.livereplay.prepare import Refused
    from execdb.livereplay.result import result_of
    from execdb.livereplay.sandbox import linux
    from execdb.livereplay.sandbox.tape_file import TapeFile

    _check(options)
    linux.give_back_what_is_freed()
    tape = TapeFile()
    try:
        made, gaps, incomplete = _prepared(place, wanted, options, tape)
        print(_banner(made, options), flush=True)
        if options.dry_run:
            print(_inexact(made), flush=True)
            report(gaps, strict=options.strict, incomplete=incomplete)
            return
        outcome = _run(made, tape, place)
        result = result_of(made, outcome.start_ns, tape.read)
    except Refused as error:
        raise ExecdbError(f"refused: {error}") from None
    except (OSError, EOFError) as error:
        raise ExecdbError(
            f"the sandbox of a live replay could not be made or kept: {error or 'it ended'} "
            "(it needs user, mount, PID and network namespaces)"
        ) from None
    finally:
        tape.close()
    _conclude(made, outcome, result)
    report(gaps, strict=options.strict, incomplete=incomplete)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if options.strict and (result.started < result.planned or made.emitter.inexact):
        raise typer.Exit(INCOMPLETE)


def _prepared(
    place: Path | CentralUrl, wanted: "Filter", options: LiveReplay, tape: "TapeFile"
) -> "tuple[Prepared, Sequence[Period], bool]":
    """Writes the tape. Returns also in which periods of the time that is meant execs may be
    missing, and whether rows were removed before they were read. Raises ExecdbError, Refused,
    OSError."""
    from execdb.livereplay.prepare import emitted, plan_of
    from execdb.livereplay.sandbox import cgroup
    from execdb.store.asking.opening import open_store

    with open_store(place) as store, store.snapshot():
        known = store.coverage(wanted)
        _check_hosts(store, wanted, known)
        gaps = gaps_of(known, wanted, store.began_ns(wanted))
        replay_notes.note(store, wanted)
        find = _ancestors(store, known[0].host, options.ancestors)

        def rows() -> Iterator[Event]:
            return _rows(store, wanted, options.attempts)

        plan, paths = plan_of(
            rows(), find, lambda plan: _warp(plan, options), cgroups=cgroup.can_be_made()
        )
        if not len(plan.of_row):
            raise ExecdbError("no execs to replay: execdb query shows what there is")
        _check_size(plan, options)
        made = emitted(plan, paths, rows(), tape.write, users=os.geteuid() == 0)
        return made, gaps, store.incomplete


def _run(made: "Prepared", tape: "TapeFile", place: Path | CentralUrl) -> "Outcome":
    """Raises OSError, EOFError. What is replayed is named, without a password."""
    from execdb.livereplay.sandbox.sandbox import Sandbox

    plan = made.plan
    most = plan.at_most + plan.at_most // 2 + _MORE_PROCESSES
    argv = [b"execdb-replay", os.fsencode(str(place))]
    sandbox = Sandbox(made.paths, argv, most, plan.duration_ns)
    return sandbox.run(tape, made.tape.times, made.entry)


def _check(options: LiveReplay) -> None:
    if not options.speed and options.rate is None:
        raise UsageError("--speed 0 does not go with --live: --rate N starts and ends N a second")
    machine = platform.machine()
    if machine not in _TESTED and not options.force:
        raise ExecdbError(f"live replay was not tested on {escape(machine)}: --force tries it")
    if machine not in ("x86_64", "aarch64"):
        raise ExecdbError(f"live replay has no stub for {escape(machine)}")


def _check_size(plan: "Plan", options: LiveReplay) -> None:
    if plan.at_most > options.max_processes:
        raise ExecdbError(
            f"refused: {plan.at_most} processes at once, more than {options.max_processes}: choose "
            "fewer by terms, or allow more with --max-processes"
        )


def _check_hosts(store: "Store", wanted: "Filter", known: "Sequence[Coverage]") -> None:
    """Raises UsageError unless each id names one program."""
    if store.file is None and len(known) != 1:
        raise UsageError(
            f"--live replays the events of one host, not of {len(known)}: choose it by --host"
        )
    if not store.ids_are_unique(wanted):
        raise UsageError(
            "several files of this host were shipped, which number their events alike: choose one "
            "by run_id=N,N (execdb query --format ndjson shows them)"
        )


def _rows(store: "Store", wanted: "Filter", attempts: bool) -> Iterator[Event]:
    return (event for event in store.events(wanted) if attempts or event.errno is None)


def _ancestors(store: "Store", host: str | None, wanted: bool) -> Callable[[int], Event | None]:
    from execdb.store.reading.filter import Filter
    from execdb.store.terms.term import Term

    of_host = Filter(() if host is None else (Term("host", (host,)),))

    def find(number: int) -> Event | None:
        key = store.key_named(number, of_host) if wanted else None
        return None if key is None else next(iter(store.rows_with([key])), None)

    return find


def _warp(plan: "Plan", options: LiveReplay) -> "Warp":
    from execdb.livereplay.planning.times import at_pace, at_rate

    if options.rate is not None:
        return at_rate(plan, options.rate)
    return at_pace(plan, options.speed, options.idle_limit)


def _banner(made: "Prepared", options: LiveReplay) -> str:
    plan = made.plan
    execs = len(plan.of_row) - plan.attempts
    more = "".join(
        f", {number} {what}"
        for number, what in (
            (plan.attempts, "failed attempts"),
            (len(plan.seen), "programs that ran before"),
            (plan.guessed_ends, "ends guessed"),
        )
        if number
    )
    would = "would be: " if options.dry_run else ""
    return (
        f"live replay: {would}{counted(execs, 'exec')} as harmless stubs{more}, "
        f"{len(made.paths.programs) - 2} paths, at most {plan.at_most} at once, "
        f"{duration(plan.duration_ns)}; every recorder on this machine sees them, below a program "
        "named execdb-replay"
    )


def _inexact(made: "Prepared") -> str:
    found = made.emitter.inexact.most_common()
    said = ", ".join(f"{count} x {escape(why)}" for why, count in found)
    return f"not exact: {said}" if found else "all of it exact"


def _conclude(made: "Prepared", outcome: "Outcome", result: "Result") -> None:
    why = ", ".join(f"{count} x {name}" for name, count in result.failed.most_common())
    why = f" ({why})" if why else ""
    what = f"; {_inexact(made)}" if made.emitter.inexact else ""
    print(f"started {result.started} of {result.planned}{why}{lateness(result)}{what}", flush=True)
    if not outcome.complete and not outcome.interrupted:
        say("note: the replay did not end in time, and was ended")


def lateness(result: "Result") -> str:
    """For the last line; empty if nothing started."""
    if not result.started:
        return ""
    middle_ms, most_ms = result.late_ms(0.5), result.late_ms(1)
    return f", late by {middle_ms:.2f} ms in the median, {most_ms:.2f} ms at most"
