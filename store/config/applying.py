"""Makes the config equal to another one, in one generation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import count
from sqlite3 import Connection

from execdb.store.config.changing import Change, Changer
from execdb.store.config.generation import DEFAULT_MESSAGE, add_missing_state
from execdb.store.config.limit import DEFAULT, Limit
from execdb.store.config.log import Difference, differences, flat
from execdb.store.config.rule import Rule
from execdb.store.config.rule_table import next_number
from execdb.store.config.snapshot import Config, read_config
from execdb.store.file.database import Database

_EVERY_OTHER = -1  # instead of a uid: every user without a limit of its own


@dataclass(frozen=True)
class Wanted:
    """A whole config. The numbers of its rules say nothing."""

    default: str = DEFAULT_MESSAGE
    entries: Mapping[int, str] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    limits: Mapping[int, Limit] = field(default_factory=dict)
    default_limit: Limit = DEFAULT


def apply(changer: Changer, wanted: Wanted, action: str = "apply") -> Change:
    """What was changed, with the generation. Raises DatabaseError."""
    with changer.changing(action) as change:
        target = _planned(change.config, wanted, next_number(change.connection))
        _write(change.connection, change.config, target)
    return change


def would_change(database: Database, wanted: Wanted) -> list[Difference]:
    """What `apply` would change."""
    with database.reading() as connection:
        config = read_config(connection)
        return differences(flat(config), flat(_planned(config, wanted, next_number(connection))))


def _planned(config: Config, wanted: Wanted, number: int) -> Config:
    """The config as it will be; `number` is that of the next new rule."""
    return replace(
        config,
        default=wanted.default,
        entries=wanted.entries,
        rules=_numbered(config.rules, wanted.rules, number),
        limits={uid: limit for uid, limit in wanted.limits.items() if limit != Limit()},
        default_limit=wanted.default_limit,
        refused=(),
    )


def _numbered(present: Sequence[Rule], wanted: Sequence[Rule], number: int) -> list[Rule]:
    """The wanted rules; those that are there already keep their numbers, if they still stand in
    that order."""
    before, after = ([(r.action, r.terms, r.note) for r in rules] for rules in (present, wanted))
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    kept = {
        block.b + at: present[block.a + at].number for block in blocks for at in range(block.size)
    }
    new = count(number)
    return [
        replace(rule, number=kept[at] if at in kept else next(new))
        for at, rule in enumerate(wanted)
    ]


def _write(connection: Connection, config: Config, target: Config) -> None:
    """Writes what differs. Rows that cannot be in the kernel go."""
    if config.default != target.default:
        add_missing_state(connection)
        connection.execute("UPDATE config_state SET default_message = ?", (target.default,))
    if config.refused or config.entries != target.entries:
        uids = json.dumps(list(target.entries))
        connection.execute(_DELETE_OTHERS, (uids,))
        new = [each for each in target.entries.items() if config.entries.get(each[0]) != each[1]]
        connection.executemany(_ENTRY, new)
    if config.refused or list(config.rules) != list(target.rules):
        _write_rules(connection, target.rules)
    limits = {_EVERY_OTHER: target.default_limit, **target.limits}
    if config.refused or {_EVERY_OTHER: config.default_limit, **config.limits} != limits:
        connection.execute("DELETE FROM user_limit")
        rows = [(uid, *limit) for uid, limit in limits.items()]
        connection.executemany("INSERT INTO user_limit (uid, execs, bytes) VALUES (?, ?, ?)", rows)


def _write_rules(connection: Connection, rules: Sequence[Rule]) -> None:
    above = next_number(connection)
    connection.execute("DELETE FROM rule")
    rows = [
        (rule.number, place, str(rule.action), json.dumps(rule.terms), rule.note)
        for place, rule in enumerate(rules, 1)
    ]
    connection.executemany("INSERT INTO rule VALUES (?, ?, ?, ?, ?)", rows)
    add_missing_state(connection)
    above = max([above, *(rule.number + 1 for rule in rules)])
    connection.execute("UPDATE config_state SET next_rule = ?", (above,))


_DELETE_OTHERS = "DELETE FROM config WHERE uid NOT IN (SELECT value FROM json_each(?))"
_ENTRY = "INSERT OR REPLACE INTO config (uid, message) VALUES (?, ?)"
