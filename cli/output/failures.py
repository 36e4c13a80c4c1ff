"""What went wrong, in a line: for what the system refuses, and for what nobody thought of."""

import errno
import os
import sys
import threading
import traceback

from execdb.cli.output.streams import say

_LINE_MAX, _TAIL_MAX, _TOLD_MAX = 800, 200, 300  # characters
_TRY_LIMITS = "look at ulimit -u and -v, and at pids.max and memory.max of the cgroup"
_NO_TASKS = f": no more processes or threads may be started here; {_TRY_LIMITS}"


def reason(error: OSError) -> str:
    """What the system said, and of which file."""
    if error.errno == errno.EBADF and error.filename is None:
        return "stdout is closed: there is nowhere to write the answer to"
    where = "" if error.filename is None else f"{error.filename}: "
    # EAGAIN of fork(2); of a write to what does not block it comes with a count.
    no_tasks = error.errno == errno.EAGAIN and not hasattr(error, "characters_written")
    return f"{where}{error.strerror or error}{_NO_TASKS if no_tasks else ''}"


def unexpected(error: BaseException) -> str:
    """A line for an exception of any kind; with EXECDB_DEBUG its traceback goes before it."""
    if _debugging():
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {_TRY_LIMITS}"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return f"{error}{_NO_TASKS}"
    if isinstance(error, ImportError):
        return f"cannot load a part of the program ({error}): is it whole? Else {_TRY_LIMITS}"
    if isinstance(error, SystemError):  # in extensions that take an allocation for granted
        return f"Python itself failed ({error}): {_TRY_LIMITS}"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"unexpected {what[:_TOLD_MAX]}: please report this, with what EXECDB_DEBUG=1 in the "
        "environment makes it say"
    )


def shortened(sentence: str) -> str:
    """Without the middle of one that quotes what was typed, which may be of any length."""
    if len(sentence) <= _LINE_MAX:
        return sentence
    return f"{sentence[: _LINE_MAX - _TAIL_MAX]} ... {sentence[-_TAIL_MAX:]}"


def keep_to_lines() -> None:
    """Keeps Python from printing tracebacks by itself: a thread that fails gets a line, exceptions
    that Python ignores get none. With EXECDB_DEBUG nothing changes."""
    if not _debugging():
        threading.excepthook = _of_a_thread
        sys.unraisablehook = lambda _: None


def _of_a_thread(ended: threading.ExceptHookArgs) -> None:
    name = "?" if ended.thread is None else ended.thread.name
    if ended.exc_value is not None:
        say(f"warning: the thread {name} ended: {shortened(unexpected(ended.exc_value))}")


def _debugging() -> bool:
    return bool(os.environ.get("EXECDB_DEBUG"))
