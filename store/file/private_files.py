"""Files that their owner alone may read, whatever the umask is."""

import contextlib
import os
import threading
from collections.abc import Iterator

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Files made inside are readable by their owner alone. The umask is the process's: of two
    threads at once, the later one would put back what the earlier one has set."""
    with _one_at_a_time:
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)
