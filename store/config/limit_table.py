"""The table of limits: how much of each user's execs is recorded in a second."""

from execdb.store.config.generation import current_generation, next_generation
from execdb.store.config.limit import LIMITS_MAX, Limit, check_limit
from execdb.store.config.stored import short_values
from execdb.store.config.stored_rules import read_limits
from execdb.store.errors import ExecdbError
from execdb.store.file.database import Database
from execdb.store.uids import check_uid

_EVERY_OTHER = -1  # instead of a uid: every user without a limit of its own


class LimitTable:
    """Changes limits; each change is a generation, which is returned with the limit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, uid: int | None, changes: dict[str, int | None]) -> tuple[Limit, int]:
        """Changes the parts of a limit that are given, by name: `execs`, `bytes`; `uid` None is
        every user without a limit of its own. Raises UsageError for bad input, ExecdbError when
        there are too many."""
        number = _EVERY_OTHER if uid is None else check_uid(uid)
        with self._database.writing() as connection, short_values(connection):
            default, limits, _ = read_limits(connection)
            before = default if uid is None else limits.get(number, Limit())
            limit = check_limit(before._replace(**changes))
            if limit == before:
                return limit, current_generation(connection)
            if uid is not None and uid not in limits and len(limits) >= LIMITS_MAX:
                raise ExecdbError(f"{LIMITS_MAX} users have limits, and no more fit")
            if uid is not None and limit == Limit():
                connection.execute("DELETE FROM user_limit WHERE uid = ?", (number,))
            else:
                connection.execute(_SET, (number, *limit))
            return limit, next_generation(connection)


_SET = "INSERT OR REPLACE INTO user_limit (uid, execs, bytes) VALUES (?, ?, ?)"
