"""What was measured, as plain data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True)
class Spread:
    """The middle, least and greatest of several rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))

    @classmethod
    def of_half(cls, values: Sequence[float]) -> "Spread":
        """That of the middle half of the rounds: its ends are the quartiles."""
        if len(values) == 1:
            return cls.of(values)
        least, middle, greatest = quantiles(values, method="inclusive")
        return cls(middle, least, greatest)


@dataclass(frozen=True)
class Alone:
    """A storm without a recorder: execs/s, its CPU time for each exec in us, and the part of all
    CPUs that others took meanwhile (1: all of it)."""

    rate: float
    load_us: float
    others: float = math.nan


def noise(storms: Sequence[Alone]) -> list[float]:
    """What a ratio of exec rates comes to where nothing differs: each storm without a recorder over
    the two without one next to it."""
    return [
        2 * one.rate / (before.rate + after.rate)
        for before, one, after in zip(storms, storms[1:], storms[2:], strict=False)
    ]


@dataclass(frozen=True)
class Storm:
    """One storm under a recorder. CPU in ns, memory in KiB, rates in execs/s.

    `cpu_ns` is that of the recorder, `load_us` that of the storm itself, in us for each exec.
    `rate_without` and `load_us_without` are of the storms without a recorder next to it; NaN if
    there were none.
    """

    execs: int
    rate: float
    cpu_ns: int | None  # null: no process of its own
    kernel_cpu_ns: int | None  # null: no kernel thread of its own
    pss_kb: int
    peak_kb: int
    load_us: float = math.nan
    rate_without: float = math.nan
    load_us_without: float = math.nan
    seen: int = 0
    whole: int = 0
    long: float = 0.0
    size: int = 0

    @property
    def ratio(self) -> float:
        return self.rate / self.rate_without

    @property
    def load_ratio(self) -> float:
        return self.load_us / self.load_us_without

    @property
    def cpu_us(self) -> float:
        return (self.cpu_ns or 0) / self.execs / 1e3

    @property
    def cpu_share(self) -> float:
        """Of one CPU, that the recorder took."""
        return self.cpu_us * self.rate / 1e6

    @property
    def kernel_cpu_us(self) -> float:
        return (self.kernel_cpu_ns or 0) / self.execs / 1e3


@dataclass(frozen=True)
class Built:
    """One build: s by the clock, s of CPU time, and what the recorder left on disk in bytes."""

    wall_s: float
    cpu_s: float
    size: int = 0


@dataclass
class Storms:
    """All storms of one kind under one recorder. `bpf_us` is what its BPF programs took for each
    exec, in the processes recorded (None: it has none)."""

    rounds: list[Storm] = field(default_factory=list)
    bpf_us: float | None = None


@dataclass
class Peer:
    """All rounds of one recorder: storms of equal command lines, storms with every one new, and
    builds as pairs, with it and without. `failure` is why there are no more of them."""

    name: str
    version: str = ""
    equal: Storms = field(default_factory=Storms)
    new: Storms = field(default_factory=Storms)
    builds: list[tuple[Built, Built]] = field(default_factory=list)
    failure: str = ""

    def storms(self, *, same: bool) -> Storms:
        return self.equal if same else self.new


@dataclass(frozen=True)
class Row:
    """A number execdb holds itself to; `held` is null where there is no limit or no value."""

    what: str
    limit: str
    measured: str
    held: bool | None


@dataclass(frozen=True)
class Answer:
    """A question to the history: how much was found, round by round the CPU time it took beyond
    the start and the whole wall time, and the CPU time of others (None: they cannot tell)."""

    question: str
    found: int
    works_ms: Sequence[float]
    wholes_ms: Sequence[float]
    grep_ms: float | None
    ausearch_ms: float | None

    @property
    def work_ms(self) -> float:
        return median(self.works_ms)
