"""The table of rules: which execs the kernel leaves out, in the order in which it asks."""

import json
from collections.abc import Sequence
from dataclasses import replace
from sqlite3 import Connection
from typing import Any

from execdb.store.config.changing import Changer
from execdb.store.config.generation import add_missing_state
from execdb.store.config.log import Who
from execdb.store.config.rule import RULES_MAX, Action, Rule, make_rule
from execdb.store.errors import ExecdbError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.terms.term import Term

_NUMBER_MAX = 1 << 62


class RuleTable:
    """Changes the rules; each change is a generation, which is returned with it."""

    def __init__(self, database: Database, who: Who | None = None) -> None:
        self._changer = Changer(database, who or Who())

    def add(
        self, action: Action, terms: Sequence[Term], note: str | None, before: int | None
    ) -> tuple[Rule, int]:
        """Adds a rule, at the end or before the one with a number. One that is there already is
        not added at the end again. Raises UsageError for a rule that cannot be, ExecdbError when
        there are too many or none has that number."""
        rule = make_rule(0, action, terms, note)
        with self._changer.changing(str(action)) as change:
            same = [
                other
                for other in change.config.rules
                if (other.action, other.terms) == (action, rule.terms)
            ]
            if before is None and same:
                rule = same[0]
            else:
                rule = insert_rule(change.connection, rule, before)
        return rule, change.generation

    def remove(self, number: int) -> int:
        """Removes a rule. Raises ExecdbError if there is none with this number."""
        with self._changer.changing("remove") as change:
            delete_rule(change.connection, number)
        return change.generation


def insert_rule(connection: Connection, rule: Rule, before: int | None = None) -> Rule:
    """The rule with the number that it got. Raises ExecdbError."""
    if scalar(connection, "SELECT count(*) FROM rule") >= RULES_MAX:
        raise ExecdbError(f"there are {RULES_MAX} rules, and no more fit: remove one first")
    place = _place(connection, before)
    add_missing_state(connection)
    number = next_number(connection)
    connection.execute("UPDATE config_state SET next_rule = ?", (number + 1,))
    values = number, place, str(rule.action), json.dumps(rule.terms), rule.note
    connection.execute("INSERT INTO rule VALUES (?, ?, ?, ?, ?)", values)
    return replace(rule, number=number)


def next_number(connection: Connection) -> int:
    """Above every number that was ever given."""
    return max(1, *(scalar(connection, sql, (_NUMBER_MAX,)) or 1 for sql in _NEXT_NUMBERS))


def delete_rule(connection: Connection, number: int) -> None:
    """Raises ExecdbError if there is none with this number."""
    if not connection.execute("DELETE FROM rule WHERE number = ?", (number,)).rowcount:
        raise _missing(number)


def _place(connection: Connection, before: int | None) -> Any:
    """Where a new rule goes; those behind it move on."""
    _number_places(connection)
    if before is None:
        return scalar(connection, "SELECT count(*) + 1 FROM rule")
    place = scalar(connection, "SELECT place FROM rule WHERE number = ?", (before,))
    if place is None:
        raise _missing(before)
    connection.execute("UPDATE rule SET place = place + 1 WHERE place >= ?", (place,))
    return place


def _number_places(connection: Connection) -> None:
    """1, 2, 3: whatever others may have written there."""
    numbers = connection.execute("SELECT number FROM rule ORDER BY place, number").fetchall()
    rows = [(place, number) for place, (number,) in enumerate(numbers, 1)]
    connection.executemany("UPDATE rule SET place = ? WHERE number = ?", rows)


def _missing(number: int) -> ExecdbError:
    return ExecdbError(f"there is no rule {number}: execdb config rules shows them")


# What is above every number that was ever given, whatever others may have written.
_NEXT_NUMBERS = (
    "SELECT next_rule FROM config_state WHERE typeof(next_rule) = 'integer' AND next_rule < ?",
    "SELECT coalesce(max(number), 0) + 1 FROM rule WHERE number < ?",
)
