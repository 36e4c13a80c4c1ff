"""Text that whatever matches a regular expression must contain, which is faster to search for."""

import re

_LEAST = 3  # characters: less is nearly everywhere
# Alternatives, groups, flags, and escapes with digits or names behind them: not looked into.
_SPECIAL = re.compile(r"[|(]|\\(?![dDsSwWbBAZ])\w")
_PLAIN = re.compile(r"[\w@%=:,/-]", re.ASCII)  # what a shell needs no quotes for
_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<times>[*?]|\{[^}]*\})|(?P<char>.)",
    re.DOTALL,
)


def required_literal(pattern: str) -> str | None:
    """The longest such text without characters that would be quoted for a shell; None if none is
    found that is long enough. `pattern` is one that `re` takes."""
    if _SPECIAL.search(pattern):
        return None
    runs = [""]
    for token in _TOKEN.finditer(pattern):
        if token["times"]:  # what stands before it may be missing
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif token["escaped"] in (".", "+", "-", "/"):
            runs[-1] += token["escaped"]
        elif token["char"] and _PLAIN.match(token["char"]):
            runs[-1] += token["char"]
        else:
            runs.append("")
    longest = max(runs, key=len)
    return longest if len(longest) >= _LEAST else None
