"""A term as data: what `FIELD=VALUE` says. `parse.py` describes the language."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Numbers from `least` to `most`, both included; None: no bound."""

    least: int | None
    most: int | None


@dataclass(frozen=True)
class Glob:
    """Text in which `*` is any text and `?` any character; a backslash takes a meaning away."""

    pattern: str

    def regex(self) -> re.Pattern[str]:
        return re.compile(_regex_of(self.pattern), re.DOTALL)


@dataclass(frozen=True)
class Found:
    """A regular expression that is found somewhere in the text."""

    pattern: str


COMMAND = "command"  # the arguments as one line, quoted for a shell

Value = str | int | None | Range | Glob | Found  # None: the field has none


@dataclass(frozen=True)
class Term:
    """The field has one of these values, or with `negated` none of them. `field` is a key of an
    event, or COMMAND."""

    field: str
    any_of: tuple[Value, ...]
    negated: bool = False


def _regex_of(pattern: str) -> str:
    parts, escaped = [], False
    for char in pattern:
        if escaped or char not in "*?\\":
            parts.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append(".*" if char == "*" else ".")
    return "".join(parts)
