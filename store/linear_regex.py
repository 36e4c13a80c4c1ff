"""Regular expressions for text that somebody may have made to be slow: RE2's, whose time grows with
the text alone. They have no backreferences and do not look around.

Source: https://github.com/google/re2/wiki/Syntax.
"""

import re
from collections.abc import Iterator
from typing import Any

_MEMORY_BYTES = 1 << 20  # of an expression; it gets slower, not larger
_NO_TEXT = re.compile("[\ud800-\udfff]")  # bytes that are not UTF-8


class BadPattern(ValueError):
    """RE2 does not take this expression; says why."""


class LinearRegex:
    """A compiled expression. A byte that is not UTF-8 is matched as U+FFFD."""

    def __init__(self, pattern: str) -> None:
        """Raises BadPattern."""
        import re2

        options = re2.Options()
        options.log_errors = False  # to stderr
        options.max_mem = _MEMORY_BYTES
        try:
            self._regex: Any = re2.compile(pattern, options)
        except re2.error as error:
            why = error.args[0] if error.args else error
            text = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
            raise BadPattern(text) from None
        except UnicodeEncodeError:
            raise BadPattern("it is not UTF-8") from None

    def search(self, text: str) -> bool:
        return self._regex.search(_NO_TEXT.sub("\ufffd", text)) is not None

    def fullmatch(self, text: str) -> bool:
        return self._regex.fullmatch(_NO_TEXT.sub("\ufffd", text)) is not None

    def found(self, text: str) -> Iterator[Any]:
        """The matches from left to right; their spans are in characters of the text."""
        matches: Iterator[Any] = self._regex.finditer(_NO_TEXT.sub("\ufffd", text))
        return matches
