"""A process that takes as much CPU time as a recorder and does nothing with it: what is lost to a
recorder beyond that is hidden in the processes that it records."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.peers.recorders import Recorder

# In bursts ten times a second, as the collector drains.
_BURN = """\
import sys, time
share, next_s = float(sys.argv[1]), time.monotonic()
while True:
    until_s = time.thread_time() + share / 10
    while time.thread_time() < until_s:
        pass
    next_s += 0.1
    time.sleep(max(0.0, next_s - time.monotonic()))
"""


class Burner(Recorder):
    """Takes this share of one CPU (1: all of it); records nothing."""

    name = "burner"

    def __init__(self, folder: Path, share_of_cpu: float) -> None:
        super().__init__(folder)
        self._share = share_of_cpu

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-c", _BURN, str(self._share)]

    def settle(self, load: int) -> None:
        """It never has nothing left to do."""

    def lines(self) -> Iterator[str]:
        return iter(())
