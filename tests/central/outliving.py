"""Nothing of a server outlives the process that started it, however that one ends."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.central.server import wait_until
from tests.memory import memory
from tests.processes.process import Process

# Its input ends with the last process that could write to it. A server that is just being started
# finds its folder gone, and ends by itself within a minute. The number in the file of one that was
# killed may be that of another process by now.
_WATCH = """
cat
read -r pid < "$1/data/postmaster.pid" && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ] &&
    kill -QUIT "$pid"
rm -rf "$1"
"""


@contextlib.contextmanager
def folder_of_a_server() -> Iterator[Path]:
    """A new folder. When the context is left, or this process has ended, the server whose data is
    in `data` is ended, and the folder is removed."""
    # Not below pytest's own folder, which is closed to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="execdb-postgresql-", dir=memory()))
    folder.chmod(0o755)
    watcher = Process(
        # No child of this process, as some tests expect that they have none; and a signal to all
        # that a terminal runs is not for it.
        ["setsid", "--fork", "sh", "-c", _WATCH, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    assert watcher.wait() == 0
    assert watcher.stdin is not None
    try:
        yield folder
    finally:
        watcher.stdin.close()
        wait_until(lambda: not folder.exists())
