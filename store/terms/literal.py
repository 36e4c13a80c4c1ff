"""Texts of which one is in whatever matches a regular expression, which is faster to search for."""

import re
from collections.abc import Iterator

_LEAST = 3  # characters: less is nearly everywhere
_MOST = 8  # alternatives
# Groups that are no plain ones, flags, and escapes with digits or names behind them: not looked
# into.
_SPECIAL = re.compile(r"\(\?(?!:|P<)|\\(?![dDsSwWbBAZ])\w")
_PLAIN = re.compile(r"[\w@%=:,/-]", re.ASCII)  # what a shell needs no quotes for
_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<times>[*?]|\{[0-9,]*\})"
    r"|(?P<open>\((?:\?:|\?P<\w+>)?)|(?P<close>\))|(?P<or>\|)|(?P<char>.)",
    re.DOTALL,
)


def required_literals(pattern: str) -> tuple[str, ...]:
    """The longest such texts without characters that would be quoted for a shell; none if none are
    found that are long enough. `pattern` is one that `re` takes."""
    return () if _SPECIAL.search(pattern) else _of_group(_TOKEN.finditer(pattern))


def _of_group(tokens: Iterator[re.Match[str]]) -> tuple[str, ...]:
    """Those of the alternatives up to the end of the group, together; none if one has none."""
    branches = [_Branch()]
    for token in tokens:
        if token["close"]:
            break
        if token["or"]:
            branches.append(_Branch())
        elif token["open"]:
            branches[-1].add(_of_group(tokens))
        elif token["times"]:  # what stands before it may be missing
            branches[-1].drop()
        elif token["escaped"] in (".", "+", "-", "/"):
            branches[-1].extend(token["escaped"])
        elif token["char"] and _PLAIN.match(token["char"]):
            branches[-1].extend(token["char"])
        else:
            branches[-1].add(())
    best = [branch.best() for branch in branches]
    found = tuple(dict.fromkeys(text for texts in best for text in texts))
    return found if all(best) and len(found) <= _MOST else ()


class _Branch:
    """The parts of an alternative: of each, texts of which one is there."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, ...]] = [("",)]  # the last one is the text that may grow

    def extend(self, char: str) -> None:
        self._parts[-1] = (self._parts[-1][0] + char,)

    def add(self, texts: tuple[str, ...]) -> None:
        self._parts += texts, ("",)

    def drop(self) -> None:
        """Forgets the character or the group that was added last."""
        if self._parts[-1][0]:
            self._parts[-1] = (self._parts[-1][0][:-1],)
        elif len(self._parts) > 1:
            self._parts[-2] = ()
        self.add(())

    def best(self) -> tuple[str, ...]:
        best = max(self._parts, key=lambda texts: min(map(len, texts), default=0))
        return best if min(map(len, best), default=0) >= _LEAST else ()
