"""Patterns of secrets that a machine's files of options add to those that execdb knows."""

from collections.abc import Sequence
from itertools import islice

from execdb.store.linear_regex import BadPattern, LinearRegex
from execdb.store.redaction.shapes import REDACTED

_CHARS_MAX = 1_000  # of a pattern
_MATCHES_MAX = 256  # in one argument; of more the rest is hidden, so that none takes long


class OwnPattern:
    """A regular expression of RE2; its first group, if it has one, is the secret."""

    def __init__(self, pattern: str) -> None:
        """Raises BadPattern."""
        if len(pattern) > _CHARS_MAX:
            raise BadPattern(f"it is longer than {_CHARS_MAX} characters")
        self._regex = LinearRegex(pattern)
        if self._regex.search(""):
            raise BadPattern("it is found in an empty text: it would hide nothing, or everything")

    def hide(self, text: str) -> str:
        """The text with `[redacted]` for each secret."""
        shown: list[str] = []
        done = 0
        matches = self._regex.found(text)
        for match in islice(matches, _MATCHES_MAX):
            begin, end = match.span(1) if match.re.groups else match.span()
            if begin >= 0:  # the group takes part in this match
                shown += text[done:begin], REDACTED
                done = end
        if next(matches, None) is not None:
            return "".join(shown) + text[done : match.end()] + REDACTED
        return "".join(shown) + text[done:]


def hide_own(text: str, patterns: Sequence[OwnPattern]) -> str:
    """The text without what these patterns find."""
    for pattern in patterns:
        text = pattern.hide(text)
    return text
