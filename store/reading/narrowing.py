"""Which rows a question has to read: those of blocks in which all that it asks for occurs.

Blocks tell of entries of the dictionary, of pids, of failures, and what rows took.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import Any

from execdb.store.event import ending
from execdb.store.reading.filter import Filter
from execdb.store.schema.constants import PEAKS_FROM, REFUSED
from execdb.store.segments.blocks import (
    blocks_from,
    blocks_with,
    count_failures,
    failures_of,
    ids_of,
)
from execdb.store.terms.literal import required_literals
from execdb.store.terms.match import matcher
from execdb.store.terms.term import COMMAND, Found, Glob, Range, Term

Entries = Mapping[str, Sequence[int]]  # a column of `image`, and what it may hold
Stretch = tuple[int, int]  # ids: from, to

# The values of what did not fail.
_WELL: Mapping[str, tuple[Any, ...]] = {
    "errno": (None,),
    "exit_code": (None, 0),
    "signal": (None,),
    "ended": (None, "exit", "exec"),
}


def stretches_of(
    connection: Connection, wanted: Filter, entries: Entries, first_id: int, last_id: int
) -> list[Stretch]:
    """Those of the rows `first_id` to `last_id` of a segment that may be wanted and refer to such
    entries, in order. Raises DatabaseError."""
    values = dict(entries)
    for column in ("pid", "ppid"):
        numbers = wanted.numbers(column)
        if numbers is not None:
            values[column] = numbers
    known = [
        blocks_with(connection, column, some, first_id, last_id) for column, some in values.items()
    ]
    known.append(_of_failures(connection, wanted, first_id, last_id))
    known.append(blocks_from(connection, _least_wanted(wanted), first_id, last_id))
    told = [blocks for blocks in known if blocks is not None]
    if not told:
        return [(first_id, last_id)]
    return joined(_within(set.intersection(*told), first_id, last_id))


def counted(connection: Connection, wanted: Filter, first_id: int, last_id: int) -> int | None:
    """How many of these rows are wanted, where they need not be read for that: all, or those that
    failed. Raises DatabaseError."""
    if wanted.about("image") or wanted.running or wanted.without_replays or wanted.failed is False:
        return None
    return (
        count_failures(connection, first_id, last_id) if wanted.failed else last_id - first_id + 1
    )


@lru_cache
def with_implied(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Terms about commands, with what a regular expression on the whole line implies of one of the
    arguments: to look for that is much faster than to make all the lines."""
    implied = [
        Term("argv", tuple(Glob(f"*{literal}*") for literal in literals))
        for term in terms
        for value in term.any_of
        if term.field == COMMAND and not term.negated and len(term.any_of) == 1
        if isinstance(value, Found) and (literals := required_literals(value.pattern))
    ]
    return (*implied, *terms)


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order; where one begins right after another, both as one."""
    found: list[Stretch] = []
    for first, last in sorted(stretches):
        if found and found[-1][1] == first - 1:
            first = found.pop()[0]
        found.append((first, last))
    return found


def _within(blocks: set[int], first_id: int, last_id: int) -> Iterator[Stretch]:
    for first, last in map(ids_of, blocks):
        yield max(first, first_id), min(last, last_id)


def _of_failures(
    connection: Connection, wanted: Filter, first_id: int, last_id: int
) -> set[int] | None:
    terms = _of_failed_only(wanted)
    if not terms and not wanted.failed:
        return None
    pairs = failures_of(connection, first_id, last_id)
    if pairs is None:
        return None
    return {block for failure, block in pairs if _fits(failure, terms)}


@lru_cache
def _of_failed_only(wanted: Filter) -> tuple[Term, ...]:
    """The terms that hold only for what failed."""
    return tuple(
        term
        for term in wanted.terms
        if term.field in _WELL
        and not any(matcher((term,))({term.field: value}) for value in _WELL[term.field])
    )


@lru_cache
def _fits(failure: int, terms: tuple[Term, ...]) -> bool:
    """Whether the terms may hold for a row with this status, or for an attempt that failed."""
    if failure == REFUSED:
        return all(term.field == "errno" for term in terms)
    ended, exit_code, signal = ending(failure)
    row = {"errno": None, "ended": ended, "exit_code": exit_code, "signal": signal}
    return matcher(terms)(row)


@lru_cache
def _least_wanted(wanted: Filter) -> Mapping[str, int]:
    """What is wanted took at least so much, by columns of `peak_block`."""
    found: dict[str, int] = {}
    for term in wanted.about("image"):
        if term.field in PEAKS_FROM and not term.negated:
            found[term.field] = max(found.get(term.field, 0), _least(term))
    return found


def _least(term: Term) -> int:
    least = (value.least if isinstance(value, Range) else value for value in term.any_of)
    return min(value if isinstance(value, int) else 0 for value in least)
