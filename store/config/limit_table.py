"""The table of limits: how much of each user's execs is recorded in a second."""

from execdb.store.config.changing import Changer
from execdb.store.config.limit import LIMITS_MAX, Limit, check_limit
from execdb.store.config.log import Who
from execdb.store.errors import ExecdbError
from execdb.store.file.database import Database
from execdb.store.uids import check_uid

_EVERY_OTHER = -1  # instead of a uid: every user without a limit of its own


class LimitTable:
    """Changes limits; each change is a generation, which is returned with the limit."""

    def __init__(self, database: Database, who: Who | None = None) -> None:
        self._changer = Changer(database, who or Who())

    def set(self, uid: int | None, changes: dict[str, int | None]) -> tuple[Limit, int]:
        """Changes the parts of a limit that are given, by name: `execs`, `bytes`; `uid` None is
        every user without a limit of its own. Raises UsageError for bad input, ExecdbError when
        there are too many."""
        number = _EVERY_OTHER if uid is None else check_uid(uid)
        with self._changer.changing("limit") as change:
            connection = change.connection
            default, limits = change.config.default_limit, change.config.limits
            before = default if uid is None else limits.get(number, Limit())
            limit = check_limit(before._replace(**changes))
            if (
                limit != before
                and uid is not None
                and uid not in limits
                and len(limits) >= LIMITS_MAX
            ):
                raise ExecdbError(f"{LIMITS_MAX} users have limits, and no more fit")
            if limit != before and uid is not None and limit == Limit():
                connection.execute("DELETE FROM user_limit WHERE uid = ?", (number,))
            elif limit != before:
                connection.execute(_SET, (number, *limit))
        return limit, change.generation


_SET = "INSERT OR REPLACE INTO user_limit (uid, execs, bytes) VALUES (?, ?, ?)"
