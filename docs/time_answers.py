"""Measures the commands of docs/questions.md on a long history, and writes the times into the page:
`python -m docs.time_answers DB`, where DB was made by
`python -m tests.bench.workloads.fill month DB 1000003`."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.answers import PAGE
from tests.bench.workloads.synthetic import MONTH_NS, START_NS

_TURNS = 3
_CHILD = f"""
import sys, time
time.time_ns = lambda: {START_NS + MONTH_NS}
from execdb.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def taken_s(line: str, database: Path) -> float:
    """CPU seconds of a command. What it writes goes to a temporary folder."""
    arguments = shlex.split(line.partition(" | ")[0])[1:]
    least = float("inf")
    for _ in range(_TURNS):
        with tempfile.TemporaryDirectory() as folder:
            child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, "--db", str(database), *arguments],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "TZ": "UTC"},
            )
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        least = min(least, used.ru_utime + used.ru_stime)
    return least


def with_times(page: str, database: Path) -> str:
    """Of each section the time of its first command."""
    parts = re.split(r"(?m)^(?=#)", page)
    return "".join(_timed(part, database) for part in parts)


def _timed(section: str, database: Path) -> str:
    command = re.search(r"^\$ (.*)$", section, re.MULTILINE)
    if command is None:
        return section
    seconds = f"{taken_s(command[1], database):.1f}"
    print(seconds, command[1], file=sys.stderr)
    return re.sub(r"Time: (TIME|[\d.]+) s\.", f"Time: {seconds} s.", section)


if __name__ == "__main__":
    PAGE.write_text(with_times(PAGE.read_text(), Path(sys.argv[1]).resolve()))
