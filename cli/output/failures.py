"""One line for what went wrong: errors of the operating system, and unexpected exceptions."""

import errno
import os
import sys
import threading
import traceback

from execdb.cli.output.streams import say

_LINE_MAX, _TAIL_MAX, _TOLD_MAX = 800, 200, 300  # characters
_TRY_LIMITS = "check ulimit -u and -v, and pids.max and memory.max of the cgroup"
NO_MEMORY = f"execdb: there is not enough memory: {_TRY_LIMITS}\n".encode()
_NO_TASKS = f": no more processes or threads can be started; {_TRY_LIMITS}"


def reason(error: OSError) -> str:
    """The system's message, with the file it is about."""
    if error.errno == errno.EBADF and error.filename is None:
        return "stdout is closed: the answer cannot be written"
    where = "" if error.filename is None else f"{error.filename}: "
    # fork(2) fails with EAGAIN. A write to a non-blocking file does as well, but with a count.
    no_tasks = error.errno == errno.EAGAIN and not hasattr(error, "characters_written")
    return f"{where}{error.strerror or error}{_NO_TASKS if no_tasks else ''}"


def unexpected(error: BaseException) -> str:
    """A line for any exception. With EXECDB_DEBUG its traceback is printed first."""
    if _debugging():
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {_TRY_LIMITS}"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return f"{error}{_NO_TASKS}"
    if isinstance(error, ImportError):
        return f"cannot load a part of the program ({error}): reinstall execdb, or {_TRY_LIMITS}"
    if isinstance(error, SystemError):  # from extension modules that do not check allocations
        return f"Python itself failed ({error}): {_TRY_LIMITS}"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"unexpected {what[:_TOLD_MAX]}: please report this, with the traceback that "
        "EXECDB_DEBUG=1 in the environment adds"
    )


def shortened(sentence: str) -> str:
    """Without its middle if it is very long: it may quote what was typed."""
    if len(sentence) <= _LINE_MAX:
        return sentence
    return f"{sentence[: _LINE_MAX - _TAIL_MAX]} ... {sentence[-_TAIL_MAX:]}"


def keep_to_lines() -> None:
    """Replaces tracebacks that Python prints by itself: a line for a thread that fails, nothing for
    exceptions that Python ignores anyway. With EXECDB_DEBUG nothing changes."""
    if not _debugging():
        threading.excepthook = _of_a_thread
        sys.unraisablehook = lambda _: None


def _of_a_thread(ended: threading.ExceptHookArgs) -> None:
    name = "?" if ended.thread is None else ended.thread.name
    if ended.exc_value is not None:
        say(f"warning: the thread {name} ended: {shortened(unexpected(ended.exc_value))}")


def _debugging() -> bool:
    return bool(os.environ.get("EXECDB_DEBUG"))
