"""What rules would have left out of the history of hosts, as `overview.trial` says."""

from collections.abc import Iterator, Sequence
from typing import Any

from execdb.store.central.asking.conditions import Condition, asked
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.rows import arguments_of
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import union
from execdb.store.central.asking.sums.grouping import Grouping
from execdb.store.config.rule import FIELDS, Rule
from execdb.store.event import raw_of
from execdb.store.overview.trial import Trial, Trying
from execdb.store.reading.filter import Filter


def try_rules(
    session: Session, roster: Roster, reading: Reading, rules: Sequence[Rule], wanted: Filter
) -> Trial:
    """Of the events of a time, of the hosts that are wanted. Raises UsageError, CentralError."""
    grouping, trying = Grouping(FIELDS, roster.by_id), Trying(rules)
    columns = len(grouping.columns)
    for row in _sums(session, reading, wanted, grouping, plain=True):
        trying.add(grouping.values(row), row[columns], int(row[columns + 1]))
    for row in _sums(session, reading, wanted, grouping, plain=False):
        execs = row[columns]
        trying.add(grouping.values(row), execs, execs * _size(row[columns + 1]))
    return trying.trial


def _sums(
    session: Session, reading: Reading, wanted: Filter, grouping: Grouping, *, plain: bool
) -> Iterator[tuple[Any, ...]]:
    """Groups with their number of events and the bytes of their arguments; where these are not
    `plain` with the arguments."""
    keys = list(grouping.columns)
    last = f"sum({_SIZE})" if plain else "e.argv"
    which = Condition(_PLAIN if plain else f"NOT ({_PLAIN})")
    grouped = ", ".join(keys if plain else [*keys, "e.argv"])
    query = union(
        ", ".join([*keys, "count(*)", last]),
        reading.scope(wanted),
        [*asked(wanted).conditions, which],
        f"GROUP BY {grouped}",
    )
    yield from session.sums(*query)


def _size(text: str) -> int:
    return sum(len(raw_of(argument)) for argument in arguments_of(text))


# Arguments of which the server can tell the bytes: their JSON has no escape, and no character that
# stands for a byte. Then there are two quotes around each, and ", " between them.
_PLAIN = (
    "strpos(e.argv, E'\\\\') = 0 AND (octet_length(e.argv) = length(e.argv)"
    " OR e.argv COLLATE \"C\" !~ '[\U0010ff00-\U0010ffff]')"
)
_QUOTES = "(length(e.argv) - length(replace(e.argv, '\"', '')))"
_NONE = f"CASE {_QUOTES} WHEN 0 THEN 2 ELSE 0 END"  # "[]"
_SIZE = f"greatest(octet_length(e.argv) - 2 * {_QUOTES} - {_NONE}, 0)"
