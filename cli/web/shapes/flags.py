"""What happened besides execs, as flags on the time line. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from execdb.cli.output.escape import escape
from execdb.store.browsing.happenings import Happening
from execdb.store.times import local_time

WIDTH = 1_200  # units of the drawing of a time
CHARS_MAX = 300


class Flag(NamedTuple):
    """`x` is its place in the drawing, `text` is escaped."""

    kind: str
    text: str
    x: float
    time: str


def lay_out(found: Iterable[Happening], since_ns: int, until_ns: int) -> list[Flag]:
    """Places them in the drawing of a time."""
    length = max(1, until_ns - since_ns)
    return [
        Flag(
            each.kind,
            escape(each.text[:CHARS_MAX]),
            round((each.time_ns - since_ns) / length * WIDTH, 2),
            local_time(each.time_ns),
        )
        for each in found
    ]
