"""Terms as conditions on the central tables: `e` is a row, `d` its end if that came later.

What SQL cannot say exactly as a file does (regular expressions, arguments) only narrows what is
read, and is left to be checked for each event.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from execdb.store.central.tables.layout import expression
from execdb.store.central.text import to_central
from execdb.store.event import REPLACED, Event
from execdb.store.fields import FIELD_OF
from execdb.store.json_text import json_of
from execdb.store.kinds import Group, Kind
from execdb.store.reading.event_filter import EventFilter
from execdb.store.reading.filter import Filter
from execdb.store.reading.narrowing import with_implied
from execdb.store.replay_root import REPLAY_CGROUP
from execdb.store.terms.literal import required_literals
from execdb.store.terms.term import COMMAND, Found, Glob, Range, Term, Value

STATUS = "coalesce(e.status, d.status)"
_NOT_WELL = 0xFF7F  # bits of a status: the exit code and the signal (wait(2))
# Null while the image runs; what was replaced did not end.
NOT_WELL = (
    f"(e.errno IS NOT NULL OR coalesce({STATUS} <> {REPLACED} AND {STATUS} & {_NOT_WELL} <> 0,"
    " false))"
)
_WELL = f"e.errno IS NULL AND {STATUS} <> {REPLACED} AND {STATUS} & {_NOT_WELL} = 0"
_RUNS = f"e.errno IS NULL AND {STATUS} IS NULL"
_REPLAYED = (
    f"(e.cgroup LIKE '{REPLAY_CGROUP}_%%' AND e.cgroup ~ '^{REPLAY_CGROUP}[0-9]+$') IS NOT TRUE"
)
_LITERAL = re.compile(r"(?:[^*?\\]|\\.)+", re.DOTALL)  # of a glob


class Condition(NamedTuple):
    """SQL and the values of its parameters."""

    sql: str
    values: Sequence[Any] = ()


class Asked(NamedTuple):
    """`conditions` must all hold, and then the terms in `rest`, which they only narrow."""

    conditions: Sequence[Condition]
    rest: tuple[Term, ...] = ()

    @property
    def wants(self) -> Callable[[Event], bool]:
        """Whether the terms in `rest` hold for an event."""
        return EventFilter(Filter(self.rest, replays=True)).wants


def asked(wanted: Filter) -> Asked:
    """What rows must meet, besides their time, their run and their ancestor."""
    terms = [term for term in wanted.terms if not _of_run(term)]
    rest = tuple(term for term in terms if not _exact(term))
    found = [_of_column(term) for term in terms if _exact(term)]
    for term in with_implied(rest):
        found += _narrowing(term)
    if wanted.failed is not None:
        found.append(Condition(NOT_WELL if wanted.failed else _WELL))
    if wanted.running:
        found.append(Condition(_RUNS))
    if not wanted.replays:
        found.append(Condition(_REPLAYED))
    return Asked(found, rest)


def _of_run(term: Term) -> bool:
    """Whether the term is about what is the same in all events of a run."""
    return term.field == "run_id" or _group(term) is Group.BOOT


def _group(term: Term) -> Group | None:
    return None if term.field == COMMAND else FIELD_OF[term.field].group


def _exact(term: Term) -> bool:
    is_single = term.field not in (COMMAND, "argv")
    return is_single and not any(isinstance(value, Found) for value in term.any_of)


def _of_column(term: Term) -> Condition:
    """An exact one. A field that has no value equals nothing, so that its negation holds."""
    column, kind = expression(FIELD_OF[term.field]), FIELD_OF[term.field].kind
    found = [_is(column, kind, value) for value in term.any_of]
    sql = " OR ".join(each.sql for each in found)
    values = [value for each in found for value in each.values]
    return Condition(f"({sql}) IS NOT TRUE" if term.negated else f"({sql})", values)


def _is(column: str, kind: Kind, value: Value) -> Condition:
    if value is None:
        return Condition(f"{column} IS NULL")
    if isinstance(value, Range):
        ends = ((">=", value.least), ("<=", value.most))
        given = [(operator, end) for operator, end in ends if end is not None]
        sql = " AND ".join(f"{column} {operator} %s" for operator, _ in given)
        return Condition(f"({sql})", [end for _, end in given])
    if isinstance(value, Glob):
        return Condition(f"{column} LIKE %s", [_like(value.pattern)])
    assert not isinstance(value, Found)
    if kind is Kind.BOOL:
        return Condition(f"{column} = %s", [bool(value)])
    return Condition(f"{column} = %s", [to_central(value) if isinstance(value, str) else value])


def _like(pattern: str) -> str:
    """A glob as a pattern of LIKE."""

    def translated(found: re.Match[str]) -> str:
        text = found[0]
        if text in "*?":
            return "%" if text == "*" else "_"
        char = text[-1]
        return f"\\{char}" if char in "%_\\" else char

    return to_central(re.sub(r"\\.|.", translated, pattern, flags=re.DOTALL))


def _narrowing(term: Term) -> Iterator[Condition]:
    """What holds wherever the term does."""
    if term.negated or term.field == COMMAND:
        return
    if term.field == "argv":
        texts = [_contained(value) for value in term.any_of]
        column = "e.argv"
    else:
        texts = [
            required_literals(value.pattern) if isinstance(value, Found) else ()
            for value in term.any_of
        ]
        column = expression(FIELD_OF[term.field])
    known = [to_central(text) for each in texts for text in each if text]
    if known and all(map(any, texts)):
        sql = " OR ".join([f"strpos({column}, %s) > 0"] * len(known))
        yield Condition(f"({sql})", known)


def _contained(value: Value) -> tuple[str, ...]:
    """What the arguments, as JSON, contain one of if this is one of them."""
    if isinstance(value, str):
        return (json_of(value),)
    if isinstance(value, Glob):
        parts = (re.sub(r"\\(.)", r"\1", part) for part in _LITERAL.findall(value.pattern))
        return (json_of(max(parts, key=len, default=""))[1:-1],)
    if isinstance(value, Found):
        return tuple(json_of(text)[1:-1] for text in required_literals(value.pattern))
    return ()
