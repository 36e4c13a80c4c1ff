"""Files of many made-up hosts: the sessions of `synthetic.month`, dealt out among them."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from execdb.store.account import Counts
from execdb.store.event import End, Exec, ImageKey
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Machine, Recording
from tests.bench.workloads.synthetic import BOOT_NS, MONTH_NS, SESSION, START_NS, month

Part = tuple[list[Exec], list[End]]  # of a recording: one commit


class Host:
    """A recording that goes on."""

    def __init__(self, path: Path, stack: ExitStack, started_ns: int) -> None:
        self.name, self.path, self.stored = path.stem, path, 0
        boot_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.name))
        database = stack.enter_context(open_database(path, create=True))
        machine = Machine(self.name, boot_id, "6.1.0")
        self._recording = Recording(database, machine, "bench", started_ns)

    def write(self, execs: Sequence[Exec], ends: Sequence[End]) -> float:
        """One commit. Returns how long it took, in seconds."""
        self.stored += len(execs)
        begun_s = time.perf_counter()
        self._recording.write(execs, ends, Counts(self.stored, self.stored, 0, 0))
        return time.perf_counter() - begun_s


class Fleet:
    """Hosts that have so many events together, in the thirty days before now. `later` is what they
    are going to have besides: of each host some parts, a commit each."""

    def __init__(self, folder: Path, hosts: int, events: int, later: int, stack: ExitStack) -> None:
        sessions = -(-events // SESSION), -(-later // SESSION)
        self.events = sessions[0] * SESSION
        self._step_ns = MONTH_NS // (sum(sessions) * SESSION)
        self._moved_ns = time.time_ns() - START_NS - MONTH_NS
        begun_ns = START_NS + self._moved_ns
        folder.mkdir()
        paths = [folder / f"host{number:03}.db" for number in range(hosts)]
        self.hosts = [Host(path, stack, begun_ns) for path in paths]
        self._batches = month(sum(sessions) * SESSION)

    @property
    def stored(self) -> int:
        return sum(host.stored for host in self.hosts)

    def record(self, events: int) -> None:
        """Writes the next events."""
        left = events
        while left > 0:
            execs, ends = next(self._batches)
            left -= len(execs)
            for host, some, ended in self._dealt(execs, ends):
                host.write(some, ended)

    def parts(self, size: int) -> dict[Host, list[Part]]:
        """What is left, of each host in parts of so many execs, with the ends of these."""
        execs: dict[Host, list[Exec]] = {host: [] for host in self.hosts}
        ends: dict[ImageKey, End] = {}
        for batch in self._batches:
            for host, some, ended in self._dealt(*batch):
                execs[host] += some
                ends |= {end.image: end for end in ended}
        return {
            host: [
                (part, [ends[key] for each in part if (key := (each.boot_ns, each.pid)) in ends])
                for part in (every[at : at + size] for at in range(0, len(every), size))
            ]
            for host, every in execs.items()
        }

    def _dealt(
        self, execs: Sequence[Exec], ends: Sequence[End]
    ) -> Iterator[tuple[Host, list[Exec], list[End]]]:
        of_ends: dict[Host, list[End]] = {}
        for end in ends:
            of_ends.setdefault(self._host(end.image[0]), []).append(end)
        for host, some in groupby(execs, lambda each: self._host(each.boot_ns)):
            yield host, [*map(self._moved, some)], of_ends.pop(host, [])
        for host, ended in of_ends.items():
            yield host, [], ended

    def _host(self, boot_ns: int) -> Host:
        session = (boot_ns - BOOT_NS) // self._step_ns // SESSION
        return self.hosts[session % len(self.hosts)]

    def _moved(self, exec_: Exec) -> Exec:
        return exec_._replace(time_ns=exec_.time_ns + self._moved_ns)
