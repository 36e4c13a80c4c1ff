"""A file that is mapped, truncated under a process."""

import subprocess
import sys
from pathlib import Path

_READS_WHAT_IS_GONE = """
import mmap, os, sys, threading
from execdb.collector.own_process.bus_error import end_with
file = open(sys.argv[1], "rb+")
mapped = mmap.mmap(file.fileno(), 4096)
end_with("the file was truncated", 23)
threading.Thread(target=lambda: [hash(n) for n in iter(int, 1)], daemon=True).start()
os.truncate(sys.argv[1], 0)
mapped[97]
"""


def test_a_line_and_an_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    path.write_bytes(bytes(4096))
    done = subprocess.run(
        [sys.executable, "-c", _READS_WHAT_IS_GONE, path], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (23, b"the file was truncated\n")
