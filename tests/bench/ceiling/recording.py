"""The collector's own loop with a simulated machine, in a process of its own:
`python -m tests.bench.ceiling.recording PROGRAM DUMP RATE EXECS CPUS PAGES DB`."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from execdb.bpf.offsets import BTF_PATH
from execdb.cli.session.database_side import DatabaseSide, open_database_side
from execdb.cli.session.options import RecordOptions
from execdb.collector.clock import Clock
from execdb.collector.collect import Collector
from execdb.collector.interfaces import Wiring
from execdb.collector.mirror import Mirror
from execdb.collector.own_process.footprint import settle, stay_small
from execdb.collector.rules.filtered import Add
from execdb.collector.rules.rule_maps import RuleMaps
from execdb.collector.rules.slots import Slots
from execdb.store.config.table import ConfigTable
from execdb.store.event import Exec
from execdb.store.file.create import prepare
from execdb.store.file.database import Database, open_database
from execdb.store.limits.bounds import Bounds
from execdb.store.reading.event_filter import StartFilter
from tests.bench.ceiling.machine import Load, Machine, pace
from tests.collector.desk import NothingRuns
from tests.collector.mirror_desk import Maps


@dataclass(frozen=True)
class Recorded:
    """What became of a load. `took_s` is how long the load took, `cpu_s` the collector's CPU time
    during it, `stored` how many execs were stored by its end, `late_ms` how late the machine was at
    most. `delays_ms` are those from an exec to its commit: of the exec in the middle, and the
    longest. `seen`, `kept` and `lost` are the ledger of the whole run; `warnings` were given."""

    took_s: float
    late_ms: float
    cpu_s: float
    stored: int
    delays_ms: tuple[float, float]
    seen: int
    kept: int
    lost: int
    warnings: list[str]


def record(program: Path, load: Load, cpus: int, pages: int, db: Path) -> Recorded:
    """Does it in a child process. Raises CalledProcessError."""
    words = program, *load, cpus, pages, db
    command = [sys.executable, "-m", "tests.bench.ceiling.recording", *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Recorded(**json.loads(done.stdout))


class _Watch:
    """Notes what is committed how long after its exec, and what holds once the load is over."""

    def __init__(self, store: DatabaseSide, clock: Clock, process: "subprocess.Popen[str]") -> None:
        self._store, self._clock, self._process = store, clock, process
        self._middles_ns: list[int] = []
        self._longest_ns = self._stored = 0
        self._begun_s = time.process_time()
        self.at_end = 0.0, 0, (0.0, 0.0)  # CPU time, execs stored, delays

    def show(self, ids: Sequence[int], execs: Sequence[Exec]) -> None:
        now_ns = self._clock.boot_ns()
        self._stored += len(execs)
        self._longest_ns = max(self._longest_ns, now_ns - execs[0].boot_ns)
        self._middles_ns.append(now_ns - execs[len(execs) // 2].boot_ns)

    def is_over(self) -> bool:
        problem = self._store.problem()  # as a recording asks between two drains
        if problem is not None:
            raise RuntimeError(problem)
        if self._process.poll() is None:
            return False
        delays_ms = median(self._middles_ns or [0]) / 1e6, self._longest_ns / 1e6
        self.at_end = time.process_time() - self._begun_s, self._stored, delays_ms
        return True


def _run(program: Path, load: Load, cpus: int, pages: int, db: Path) -> Recorded:
    stay_small()
    prepare(db, create=True)
    clock, warnings = Clock(), list[str]()
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(contextlib.closing(Machine(cpus, pages)))
        database = stack.enter_context(open_database(db))
        store = open_database_side(_options(db), database, clock, stack)
        machine.watch(store.changes.fds)
        settle()
        store.checkpoints.start()
        process = machine.begin(program, load)
        watch = _Watch(store, clock, process)
        collector = Collector(_wiring(machine, database, store, clock, watch, warnings.append))
        collector.run(watch.is_over, lambda: None)
        took_ns, late_ns = pace(process)
        cpu_s, stored, delays_ms = watch.at_end
        seen, kept, _, lost = collector.storage.counts
    times = took_ns / 1e9, late_ns / 1e6
    return Recorded(*times, cpu_s, stored, delays_ms, seen, kept, lost, warnings)


def _options(db: Path) -> RecordOptions:
    """As `execdb collect --quiet` has them."""
    return RecordOptions(
        path=db, shown=None, wanted=StartFilter(), ring_pages=None, attempts=False, btf=BTF_PATH,
        user=None, group=None, bounds=Bounds(), min_free_percent=2.0, redact=None,
    )  # fmt: skip


class _NothingFiltered:
    """There are no rules and no limits."""

    def look(self, total: int, now_ns: int, add: Add) -> None:
        pass

    finish = look


def _wiring(
    machine: Machine,
    database: Database,
    store: DatabaseSide,
    clock: Clock,
    watch: _Watch,
    warn: Callable[[str], None],
) -> Wiring:
    """As `cli/session/wiring.py` has it, with dicts for the kernel's maps."""
    maps = Maps()
    table = ConfigTable(database, clock=clock.wall_ns)
    return Wiring(
        source=machine,
        sink=store.recording,
        mirror=Mirror(table, maps, RuleMaps(maps, Slots(), lambda: None, warn), warn),
        clock=clock,
        show=watch.show,
        running=NothingRuns(),
        tidy=lambda: store.tidy(clock.wall_ns()),
        room=store.room,
        warn=warn,
        batch_max=Bounds().batch_max,
        look_at_cuts=lambda cut, now_ns: None,
        filtered=_NothingFiltered(),
        files=store.changes,
    )


if __name__ == "__main__":
    program, dump, rate, execs, cpus, pages, db = sys.argv[1:]
    load = Load(Path(dump), int(rate), int(execs))
    recorded = _run(Path(program), load, int(cpus), int(pages), Path(db))
    print(json.dumps(asdict(recorded)))
