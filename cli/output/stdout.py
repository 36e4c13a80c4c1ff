"""Text to stdout, until there is no more or nobody reads it any longer."""

import sys
from collections.abc import Iterable


class ReaderGone(Exception):
    """Whoever read stdout has closed it, which is how `| head` says that it has enough."""


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
