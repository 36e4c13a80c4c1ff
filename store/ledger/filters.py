"""What was left out on purpose, as the file has it."""

from collections import Counter
from typing import NamedTuple

from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.text import readable


class LeftOut(NamedTuple):
    """An interval in which a rule, or the limit of a user, left execs out. `cause` is rule or
    limit."""

    run_id: int
    number: int
    cause: str
    rule: int | None
    uid: int | None
    from_ns: int
    to_ns: int
    filtered: int


def read_filters(
    database: Database, since_ns: int | None = None, until_ns: int | None = None
) -> list[LeftOut]:
    """Those that touch a time. Raises DatabaseError."""
    with database.reading() as connection:
        rows = connection.execute(_FILTERED, (since_ns, since_ns, until_ns, until_ns)).fetchall()
        check_rows(connection, "filtered", rows)
    found = [LeftOut(*row) for row in rows]
    return [each._replace(cause=readable(each.cause)) for each in found]


def filtered_by_rule(database: Database) -> Counter[int]:
    """How many execs each rule has left out, by its number. Raises DatabaseError."""
    found: Counter[int] = Counter()
    for each in read_filters(database):
        if each.rule is not None:
            found[each.rule] += each.filtered
    return found


_FILTERED = """SELECT * FROM filtered WHERE (? IS NULL OR to_ns >= ?) AND (? IS NULL OR from_ns < ?)
ORDER BY run_id, number"""
