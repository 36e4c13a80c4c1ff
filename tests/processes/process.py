"""Processes and threads that tests start: none is waited for without limit, and a process that does
not end is killed and named."""

import os
import subprocess
import threading
from types import TracebackType
from typing import Any, AnyStr

# Machines are slow and shared, emulated ones most of all; nothing waits this long when it works.
PATIENCE_S = float(os.environ.get("EXECDB_TEST_PATIENCE_S", "60"))


class Process(subprocess.Popen[AnyStr]):
    """As `subprocess.Popen`, whose waits have no limit unless told. One that does not end within
    PATIENCE_S when its `with` is left fails the test and is killed; if the test has failed
    already, it is killed at once."""

    def wait(self, timeout: float | None = PATIENCE_S) -> int:
        return super().wait(timeout)

    def communicate(self, input: Any = None, timeout: float | None = PATIENCE_S) -> Any:
        return super().communicate(input, timeout)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self.poll() is None:
            error.add_note(f"still running, now killed: {self.args}")
            self.kill()
        try:
            super().__exit__(kind, error, trace)  # closes its pipes, and waits
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
            raise AssertionError(
                f"did not end in {PATIENCE_S:.0f} s, killed: {self.args}"
            ) from None


def join(thread: threading.Thread, for_s: float = PATIENCE_S) -> None:
    """Fails if the thread has not ended by then. It should be a daemon: Python's own end waits for
    all others, without limit."""
    thread.join(for_s)
    assert not thread.is_alive(), f"did not end in {for_s:.0f} s: {thread.name}"
