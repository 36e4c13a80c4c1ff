"""Plain SQL that people write, on an open file: it can read, and nothing else."""

import json
import re
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import wraps
from typing import Any

from execdb.store.errors import UsageError
from execdb.store.event import text_of
from execdb.store.file.database import Database
from execdb.store.file.text import readable, storable
from execdb.store.segments.sql_functions import regexp

VIEWS = ("execs", "seen", "images", "runs", "losses", "filters", "marks", "config_log")
_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_PRAGMAS = ("table_info", "table_xinfo", "table_list", "index_list", "index_info")
# SQLite makes these tables at their first use, by what looks like a change of the schema.
_TABLES_MADE = ("json_each", "json_tree", *(f"pragma_{name}" for name in _PRAGMAS))
_STEPS = 20_000  # of SQLite's machine, a millisecond or so, between looks for Ctrl-C
_WRONG = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE)

Rows = Iterator[Sequence[Any]]


@contextmanager
def select(database: Database, sql: str) -> Iterator[tuple[list[str], Rows]]:
    """The names of the columns, and the rows as they are computed; bytes that are not UTF-8 are
    surrogate escapes. Sorting is on disk, so memory is bounded. Raises UsageError for what is not
    one statement that reads, DatabaseError, and KeyboardInterrupt while SQLite works."""
    failures: list[BaseException] = []  # of our functions: SQLite says only that there was one
    with database.reading() as connection, _read_only(connection, failures):
        with _explained(failures):
            cursor = connection.execute(sql)
        if cursor.description is None:
            raise UsageError("this SQL has no answer: give a SELECT")
        yield [_read(name) for name, *_ in cursor.description], _rows(cursor, failures)


def shell_quote(value: object) -> str | bytes | None:
    """Arguments as a JSON array, such as `argv`: one line quoted for a shell; any other text: one
    quoted word. Null of null."""
    if value is None:
        return None
    text = str(readable(value) if isinstance(value, bytes) else value)
    try:
        words = json.loads(text) if text.startswith("[") else None
    except ValueError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return storable(shlex.join(words))
    return storable(shlex.quote(text))


def _rows(cursor: sqlite3.Cursor, failures: list[BaseException]) -> Rows:
    with _explained(failures):
        for row in cursor:
            yield [_read(value) for value in row]


def _read(value: Any) -> Any:
    return readable(value) if isinstance(value, bytes) else value


@contextmanager
def _read_only(connection: sqlite3.Connection, failures: list[BaseException]) -> Iterator[None]:
    """Until the end, the connection refuses what does more than read."""
    for function, count in ((regexp, 2), (shell_quote, 1)):
        noted = _noting(function, failures)
        connection.create_function(function.__name__, count, noted, deterministic=True)
    factory = connection.text_factory
    connection.text_factory = text_of
    for name in _TABLES_MADE:
        connection.execute(f"EXPLAIN SELECT 1 FROM {name}")
    connection.execute("PRAGMA temp_store = FILE")  # the results of large sorts
    connection.execute("PRAGMA query_only = ON")
    connection.set_progress_handler(lambda: 0, _STEPS)  # lets Python see signals
    connection.set_authorizer(_authorize)
    try:
        yield
    finally:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)
        connection.execute("PRAGMA query_only = OFF")
        connection.text_factory = factory


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    """https://www.sqlite.org/c3ref/set_authorizer.html"""
    listing = action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS
    loads = action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "fts3_tokenizer")
    allowed = (action in _READS or listing) and not loads
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _noting(function: Callable[..., Any], failures: list[BaseException]) -> Callable[..., Any]:
    @wraps(function)
    def noting(*values: Any) -> Any:
        try:
            return function(*values)
        except BaseException as error:
            failures.append(error)
            raise

    return noting


def _instead_of(error: str) -> str:
    """What there is in place of a table that there is not."""
    _, missing, name = error.partition("no such table: ")
    near = get_close_matches(name, VIEWS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the views are {', '.join(VIEWS)}"
    return f": {hint}" if missing else ""


@contextmanager
def _explained(failures: list[BaseException]) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError:
        raise UsageError("this SQL is not UTF-8") from None
    except (sqlite3.Error, sqlite3.Warning) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)
        failure = failures[0] if failures else None
        if code == sqlite3.SQLITE_INTERRUPT or isinstance(failure, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        if isinstance(failure, (re.error, RecursionError, OverflowError)):
            raise UsageError(f"regular expression: {failure}") from None
        if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY):
            raise UsageError(f"only what reads is allowed, such as SELECT ({error})") from None
        if code in _WRONG or not isinstance(error, sqlite3.DatabaseError):
            raise UsageError(f"SQL: {error}{_instead_of(str(error))}") from None
        raise
