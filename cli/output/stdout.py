"""Writing text to stdout, until its reader closes it."""

import sys
from collections.abc import Iterable


class ReaderGone(Exception):
    """The reader of stdout has closed it, as `| head` does when it has enough."""


def emit(texts: Iterable[str], *, at_once: bool = False) -> None:
    """Writes each text; `at_once` flushes each. Raises ReaderGone."""
    try:
        if at_once:
            for text in texts:
                sys.stdout.write(text)
                sys.stdout.flush()
        else:
            sys.stdout.writelines(texts)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None
