"""Signals that come just before a wait, which they then do not interrupt."""

import os
import subprocess
from pathlib import Path

from tests.kernel.recorder import wait_for

_SOURCE = Path(__file__).with_suffix(".c")


class LateWaits:
    """For a process that is started with `environment`, and may become another user."""

    def __init__(self, folder: Path, call: str = "poll") -> None:
        """`call` is the function by which it waits."""
        folder.chmod(0o777)
        library, self._mark = folder / "late_waits.so", folder / "late"
        subprocess.run(["gcc", "-Wall", "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
        self.environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "EXECDB_TEST_LATE": str(self._mark),
            "EXECDB_TEST_LATE_CALL": call,
        }

    def armed(self) -> None:
        """Its main thread stops before its next wait."""
        self._mark.touch()

    def wait(self) -> None:
        """Until it has: the next signal comes before that wait."""
        wait_for(lambda: not self._mark.exists(), "a wait")
