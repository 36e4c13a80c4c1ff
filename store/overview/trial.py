"""What rules would have left out of the history: a trial, which changes nothing.

Rows are summed up by the dictionary entries that they refer to. Rules ask only for values of these,
so one decision holds for all rows of a sum.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import index
from sqlite3 import Connection
from typing import Any

from execdb.store.config.rule import FIELDS, Rule, decide
from execdb.store.errors import DatabaseError, UsageError
from execdb.store.overview.argument_sizes import sizes_of
from execdb.store.overview.portions import portions_of
from execdb.store.reading.filter import Filter
from execdb.store.reading.grouping import Values
from execdb.store.reading.history import History
from execdb.store.reading.selection import Span, parts_of

PROGRAMS_MAX = 100_000
_REMEMBERED = 8_192  # decisions


@dataclass
class Sum:
    """Execs, and the bytes of their arguments as recorded, without the NUL behind each."""

    execs: int = 0
    bytes: int = 0

    def add(self, execs: int, bytes_: int) -> None:
        self.execs += execs
        self.bytes += bytes_


@dataclass
class Trial:
    """`total` is of all events that were looked at, `filtered` of those that the rules would have
    left out, `programs` and `users` of these by comm and by uid; `rules` has what each rule has
    decided about, in their order."""

    rules: Sequence[Sum]
    total: Sum = field(default_factory=Sum)
    filtered: Sum = field(default_factory=Sum)
    programs: dict[str, Sum] = field(default_factory=dict)
    users: dict[int, Sum] = field(default_factory=dict)


class Trying:
    """Lets these rules decide, and no other ones; `trial` is what becomes of the events."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.trial = Trial([Sum() for _ in rules])
        self._rules, self._choose = rules, _chooser(rules)

    def add(self, known: tuple[Any, ...], execs: int, bytes_: int) -> None:
        """Events that have these values of FIELDS. Raises UsageError for more than PROGRAMS_MAX
        programs or users."""
        trial, place = self.trial, self._choose(known)
        trial.total.add(execs, bytes_)
        if place is None:
            return
        trial.rules[place].add(execs, bytes_)
        if self._rules[place].ignores:
            trial.filtered.add(execs, bytes_)
            trial.programs.setdefault(_text(known[_COMM]), Sum()).add(execs, bytes_)
            trial.users.setdefault(index(known[_UID]), Sum()).add(execs, bytes_)
        if max(len(trial.programs), len(trial.users)) > PROGRAMS_MAX:
            raise UsageError(
                f"there are more than {PROGRAMS_MAX} programs or users: choose a shorter time "
                "with --since and --until"
            )


def try_rules(
    history: History,
    rules: Sequence[Rule],
    wanted: Filter,
    watch: Callable[[Sequence[Span]], Iterable[Span]] = iter,
) -> Trial:
    """What becomes of the events of a time. Of `wanted` only the time counts. What is read is taken
    span by span from `watch`, which may say how far it is. Raises UsageError for more than
    PROGRAMS_MAX programs, and DatabaseError."""
    database, trying = history.database, Trying(rules)
    with database.reading() as connection:
        selection = history.select(connection, Filter((), wanted.since_ns, wanted.until_ns))
    for span in watch(selection.spans):
        values = Values(FIELDS, history.run_of(span.segment))
        with database.reading() as connection:
            entries, stretches = parts_of(connection, selection, span)
        for first, last, _ in portions_of(selection, entries, stretches):
            with database.reading() as connection:
                history.check_there(connection, first)
                sums = _sums(connection, values, first, last)
            _add(trying, values, sums)
    return trying.trial


def _sums(connection: Connection, values: Values, first: int, last: int) -> list[Any]:
    """Rows of: origin, program, execs, bytes. Raises DatabaseError."""
    rows = Counter(connection.execute(_ROWS, (first, last)))
    sizes = sizes_of(connection, {command for _, _, command in rows})
    sums: defaultdict[tuple[int, int], Sum] = defaultdict(Sum)
    for (origin, program, command), execs in rows.items():
        sums[origin, program].add(execs, execs * sizes.get(command, 0))
    found = [(*ids, each.execs, each.bytes) for ids, each in sums.items()]
    values.learn(connection, found)
    return found


_Choose = Callable[[tuple[Any, ...]], int | None]


def _chooser(rules: Sequence[Rule]) -> _Choose:
    """Gives the place of the rule that decides about these values of FIELDS."""

    numbered = [replace(rule, number=place) for place, rule in enumerate(rules)]

    @lru_cache(_REMEMBERED)
    def choose(values: tuple[Any, ...]) -> int | None:
        rule = decide(numbered, dict(zip(FIELDS, values, strict=True)))
        return None if rule is None else rule.number

    return choose


def _add(trying: Trying, values: Values, sums: Iterable[Any]) -> None:
    try:
        for *ids, execs, bytes_ in sums:
            trying.add(values.of(ids), execs, index(bytes_))
    except (AttributeError, KeyError, TypeError, UnicodeError) as error:
        raise DatabaseError(
            "the database is inconsistent: rows refer to entries that are not there, or a value is "
            "of a type that it cannot have"
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_UID, _COMM = FIELDS.index("uid"), FIELDS.index("comm")
_ROWS = "SELECT origin_id, program_id, command_id FROM image WHERE id BETWEEN ? AND ?"
