"""The log of the config: what was changed when, by whom, and what a generation consisted of.

The whole config is seen as one flat mapping from a subject ("uid 501", "rule 3", "limit default")
to a text, so a change is a difference of two of them.
"""

from collections.abc import Iterator, Mapping
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.config.generation import DEFAULT_MESSAGE
from execdb.store.config.limit import DEFAULT, NONE, Limit
from execdb.store.config.rule import Rule
from execdb.store.config.snapshot import Config
from execdb.store.file.sql import scalar

ROWS_MAX = 50_000  # rows of the log, beside what is needed to know the oldest generation kept
_TEXT_MAX = 30_000  # bytes of a text in the log
UNUSABLE = "(cannot be in the kernel)"

State = Mapping[str, str]  # by subject


class Who(NamedTuple):
    """Who changes the config: the real user, the one who logged in, and the terminal. All None:
    not known."""

    uid: int | None = None
    loginuid: int | None = None
    tty: str | None = None


class Difference(NamedTuple):
    """Of one subject. None: there is none."""

    subject: str
    before: str | None
    after: str | None


class LogRow(NamedTuple):
    """One row of the view `config_log`, except for the time as text."""

    generation: int
    time_ns: int
    uid: int | None
    loginuid: int | None
    tty: str | None
    action: str
    subject: str
    before: str | None
    after: str | None

    @property
    def what(self) -> str:
        """What was changed, and by which command: `set uid 501`, `limit 501`."""
        return (
            self.subject
            if self.subject.startswith(self.action)
            else f"{self.action} {self.subject}"
        )


def flat(config: Config) -> dict[str, str]:
    """The config by subject. `order` is there where rules are not in the order of their
    numbers."""
    state = {f"uid {each.uid}": UNUSABLE for each in config.refused if each.uid is not None}
    if config.default is not None:
        state["default"] = config.default
    state |= {f"uid {uid}": message for uid, message in config.entries.items()}
    state |= {f"rule {rule.number}": text_of_rule(rule) for rule in config.rules}
    numbers = [rule.number for rule in config.rules]
    if numbers != sorted(numbers):
        state["order"] = " ".join(map(str, numbers))
    state["limit default"] = text_of_limit(config.default_limit)
    return state | {f"limit {uid}": text_of_limit(each) for uid, each in config.limits.items()}


def text_of_rule(rule: Rule) -> str:
    """A rule with its note, as the log has it."""
    text = str(rule) if rule.note is None else f"{rule} # {rule.note}"
    return text.encode(errors="backslashreplace")[:_TEXT_MAX].decode(errors="ignore")


def text_of_limit(limit: Limit) -> str:
    """A limit as the log has it: `execs=50 bytes=100000`, or `none`."""
    parts = zip(("execs", "bytes"), limit, strict=True)
    shown = [f"{name}={'none' if n == NONE else n}" for name, n in parts if n is not None]
    return " ".join(shown) or "none"


# The first generation of every file, which is not in the log.
FIRST: State = {"default": DEFAULT_MESSAGE, "limit default": text_of_limit(DEFAULT)}


def differences(before: State, after: State) -> list[Difference]:
    """What changed, in the order of `after`, then what is gone."""
    new = [
        Difference(subject, before.get(subject), text)
        for subject, text in after.items()
        if before.get(subject) != text
    ]
    gone = [Difference(name, text, None) for name, text in before.items() if name not in after]
    return new + gone


def logged_state(connection: Connection, generation: int | None = None) -> dict[str, str]:
    """The config by subject as the log has it: the latest one, or that of a generation. Raises
    sqlite3.DataError if someone has put too long a value there."""
    until = (1 << 63) - 1 if generation is None else generation
    state = dict(FIRST)
    for subject, after in connection.execute(_STATE, (until,)):
        name = _text(subject)
        if after is None:
            state.pop(name, None)
        else:
            state[name] = _text(after)
    return state


def add_rows(
    connection: Connection,
    generation: int,
    time_ns: int,
    who: Who,
    action: str,
    changes: list[Difference],
) -> None:
    """Adds what one change has changed, and removes the oldest rows if there are too many."""
    head = generation, time_ns, *who, action
    connection.executemany(_INSERT, [(*head, *each) for each in changes])
    if scalar(connection, "SELECT count(*) FROM config_change") > 2 * ROWS_MAX:
        _shorten(connection)


def read_log(connection: Connection, limit: int) -> Iterator[LogRow]:
    """The latest rows, `limit` at most (0: all), the oldest first. Raises sqlite3.DataError for too
    long a value."""
    for row in connection.execute(_ROWS, (limit or -1,)).fetchall():
        generation, time_ns, uid, loginuid, *texts = row
        tty, action, subject, before, after = (
            None if each is None else _text(each) for each in texts
        )
        yield LogRow(
            generation, time_ns, uid, loginuid, tty, action or "", subject or "", before, after
        )


def oldest_generation(connection: Connection) -> int:
    """The first one that the log still knows."""
    return int(scalar(connection, _OLDEST) or 1)


def time_of(connection: Connection, generation: int) -> int | None:
    """When it began, in nanoseconds; None for the first one of a file."""
    found: int | None = scalar(connection, _TIME, (generation,))
    return found


def _shorten(connection: Connection) -> None:
    """Removes the rows of the oldest generations, except what is needed to know the last of
    them."""
    (last,) = connection.execute(_LAST_REMOVED, (ROWS_MAX,)).fetchone()
    connection.execute(_REMOVE, {"last": last})
    connection.execute("UPDATE config_state SET logged_from = ?", (last,))


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


# Of values that only others can have put there, those of another type are left out.
_VALID = """typeof(generation) = 'integer' AND typeof(time_ns) = 'integer'
AND typeof(subject) = 'text' AND typeof(after) IN ('text', 'null')"""
# SQLite takes `after` from the row that has the greatest id.
_STATE = f"""SELECT CAST(subject AS BLOB), CAST(after AS BLOB) FROM (
SELECT max(id) AS id, subject, after FROM config_change WHERE {_VALID} AND generation <= ?
GROUP BY subject) ORDER BY id"""
_INSERT = """INSERT INTO config_change
(generation, time_ns, uid, loginuid, tty, action, subject, before, after)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ROWS = f"""SELECT generation, time_ns,
CASE WHEN typeof(uid) = 'integer' THEN uid END,
CASE WHEN typeof(loginuid) = 'integer' THEN loginuid END, CAST(tty AS BLOB),
CAST(action AS BLOB), CAST(subject AS BLOB), CAST(before AS BLOB), CAST(after AS BLOB)
FROM (SELECT * FROM config_change WHERE {_VALID} ORDER BY id DESC LIMIT ?) ORDER BY id"""
_OLDEST = "SELECT logged_from FROM config_state WHERE typeof(logged_from) = 'integer'"
_TIME = f"SELECT time_ns FROM config_change WHERE generation = ? AND {_VALID} LIMIT 1"
_LAST_REMOVED = """SELECT max(generation) FROM config_change WHERE generation <
(SELECT generation FROM config_change ORDER BY id DESC LIMIT 1 OFFSET ?)"""
_REMOVE = """DELETE FROM config_change WHERE generation <= :last AND (after IS NULL OR id NOT IN (
SELECT max(id) FROM config_change WHERE generation <= :last GROUP BY subject))"""
