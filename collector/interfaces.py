"""What the collector works with, as interfaces; `cli/session/wiring.py` provides all of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from execdb.collector.rules.filtered import Add
from execdb.collector.running.catch_up import RunningPrograms
from execdb.store.account import Account, Cause, Counts
from execdb.store.event import End, Exec, ImageKey


class KernelCounts(Protocol):
    """Totals over all CPUs since the start: see `kernel_source.KernelCounts`."""

    @property
    def seen(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def ends_lost(self) -> int: ...
    @property
    def untracked(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def cut(self) -> int: ...
    @property
    def filtered(self) -> int: ...


class Source(Protocol):
    """Where records come from.

    `track` makes the kernel follow forks and ends, `attach` execs as well. `wait` returns after
    that time or when much has come, `sleep` when anything has (False: nothing has). `read` gives
    chunks of whole records, a few megabytes in all; `unread_ns` is the boot time from which on it
    may have left some, None if it left none. For `follow` and `adopt` see
    `running.catch_up.Source`."""

    def track(self) -> None: ...
    def attach(self) -> None: ...
    def detach(self) -> None: ...
    def wait(self, timeout_s: float) -> None: ...
    def sleep(self, timeout_s: float) -> bool: ...
    def read(self) -> Iterator[bytes]: ...
    def unread_ns(self) -> int | None: ...
    def follow(self, image: ImageKey) -> None: ...
    def adopt(self, image: ImageKey) -> bool: ...
    def counts(self) -> KernelCounts: ...


class Sink(Protocol):
    """Where events are stored. `write` returns the ids of the execs' rows. `know` stores images
    that ran before the start and may turn out to be parents, and returns their keys. All raise
    DatabaseError, after which nothing of the call is stored."""

    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]: ...
    def write(
        self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts, account: Account
    ) -> Sequence[int]: ...
    def finish(self, ended_ns: int, counts: Counts, account: Account) -> None: ...


class Clock(Protocol):
    """`boot_ns` is CLOCK_BOOTTIME; `offset_ns` is CLOCK_REALTIME - CLOCK_BOOTTIME."""

    def boot_ns(self) -> int: ...
    def offset_ns(self) -> int: ...


class Mirror(Protocol):
    """Keeps the kernel's config equal to the table's. `update`, to be called every `look_s` at
    least, raises DatabaseRefused."""

    @property
    def look_s(self) -> float: ...
    def update(self, now_s: float) -> None: ...


class FileChanges(Protocol):
    """Whether anything has happened to the database's files since the last call, which also ends
    the source's `sleep`; if so, whether another program did it; and how often to look nevertheless.
    See integrity.file_changes."""

    @property
    def look_s(self) -> float: ...
    def changed(self) -> bool: ...
    def by_others(self) -> bool: ...


class FilteredCounts(Protocol):
    """What rules and limits leave out: see `rules.filtered.FilteredCounts`."""

    def look(self, total: int, now_ns: int, add: Add) -> None: ...
    def finish(self, total: int, now_ns: int, add: Add) -> None: ...


class Room(Protocol):
    """`lack` is why nothing may be stored now; None if it may."""

    def lack(self, now_s: float) -> Cause | None: ...


@dataclass(frozen=True)
class Wiring:
    """What the collector is wired to.

    `show` is called with (ids, execs) after each commit. `running` finds the programs that run
    already. `tidy` is called once a drain and takes some milliseconds, more while old rows must
    be deleted; it returns whether there is more to do. `warn` tells the user. `batch_max` is how
    many execs are stored at once at most.
    `look_at_cuts` is called with how many execs had their arguments cut by the kernel's program,
    and the boot time."""

    source: Source
    sink: Sink
    mirror: Mirror
    clock: Clock
    show: Callable[[Sequence[int], Sequence[Exec]], None]
    running: RunningPrograms
    tidy: Callable[[], bool]
    room: Room
    warn: Callable[[str], None]
    batch_max: int
    look_at_cuts: Callable[[int, int], None]
    filtered: FilteredCounts
    files: FileChanges
