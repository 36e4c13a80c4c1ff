"""What was measured, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The middle, least and greatest of several rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Storm:
    """One storm under a recorder. CPU in ns, memory in KiB, rates in execs/s.

    `rate_without` is that of the storm without a recorder next to it.
    """

    execs: int
    rate: float
    rate_without: float
    cpu_ns: int | None  # null: no process of its own
    kernel_cpu_ns: int | None  # null: no kernel thread of its own
    rss_kb: int
    pss_kb: int
    peak_kb: int
    seen: int
    whole: int
    long: float
    size: int

    @property
    def ratio(self) -> float:
        return self.rate / self.rate_without

    @property
    def cpu_us(self) -> float:
        return (self.cpu_ns or 0) / self.execs / 1e3

    @property
    def kernel_cpu_us(self) -> float:
        return (self.kernel_cpu_ns or 0) / self.execs / 1e3


@dataclass
class Peer:
    """All rounds of one recorder; `builds` are wall times over those without, `failure` is why
    there are no more of them."""

    name: str
    version: str = ""
    storms: list[Storm] = field(default_factory=list)
    builds: list[float] = field(default_factory=list)
    failure: str = ""
