"""Reads the rules and limits of the config, which may hold anything: see `stored`."""

import json
import sqlite3
from sqlite3 import Connection
from typing import Any

from execdb.store.config.limit import DEFAULT, LIMITS_MAX, Limit, check_limit
from execdb.store.config.rule import RULES_MAX, Action, Rule, make_rule
from execdb.store.errors import UsageError
from execdb.store.terms.parse import Reader
from execdb.store.uids import check_uid


def read_rules(connection: Connection) -> tuple[list[Rule], list[str]]:
    """The rules in order, and why others are refused. Those behind a refused one are left out as
    well: without it, they might leave out what it would have recorded."""
    try:
        rows = connection.execute(_RULES, (RULES_MAX + 1,)).fetchall()
    except sqlite3.DataError:
        return [], ["the rules: one of them is too long"]
    rules: list[Rule] = []
    for row in rows[:RULES_MAX]:
        try:
            rules.append(rule_of(*row))
        except UsageError as error:
            return rules, [f"rule {row[0]}, and those after it: {error}"]
    more = [f"the rules after the first {RULES_MAX}"] if len(rows) > RULES_MAX else []
    return rules, more


def read_limits(connection: Connection) -> tuple[Limit, dict[int, Limit], list[str]]:
    """The limit of every user without one of its own, those of users, and why others are
    refused."""
    default, refused = DEFAULT, []
    limits: dict[int, Limit] = {}
    rows = connection.execute(_LIMITS, (LIMITS_MAX + 2,)).fetchall()
    for uid, execs, size in rows:
        try:
            limit = check_limit(Limit(execs, size))
            if uid == -1:
                default = limit
            elif len(limits) < LIMITS_MAX:
                limits[check_uid(uid)] = limit
            else:
                refused.append(f"the limits after the first {LIMITS_MAX}")
        except UsageError as error:
            refused.append(f"the limit of uid {uid}: {error}")
    return default, limits, refused


def rule_of(number: int, action: Any, terms: Any, note: Any) -> Rule:
    """A rule as it is stored. Raises UsageError."""
    try:
        found = json.loads(terms) if isinstance(terms, str) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise UsageError("its terms are no list of texts")
    if action not in list(Action):
        raise UsageError(f"its action is neither {' nor '.join(Action)}")
    if not isinstance(note, str | None):
        raise UsageError("its note is no text")
    return make_rule(number, Action(action), _READER.terms(found), note)


def _uid(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise UsageError("users are stored as numbers")
    return check_uid(int(text[:20]))


def _time(text: str) -> int:
    raise UsageError("a rule has no times")


_READER = Reader(_uid, _time)
_RULES = "SELECT number, action, terms, note FROM rule ORDER BY place, number LIMIT ?"
_LIMITS = """SELECT uid,
CASE WHEN typeof(execs) IN ('integer', 'null') THEN execs ELSE 'no number' END,
CASE WHEN typeof(bytes) IN ('integer', 'null') THEN bytes ELSE 'no number' END
FROM user_limit ORDER BY uid LIMIT ?"""
