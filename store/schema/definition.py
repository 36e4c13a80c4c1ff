"""The schema as `schema.sql` defines it, which is the place to read it and to change it."""

import re
from functools import cache
from pathlib import Path

REVISION = "0019"  # the newest under migrations/versions; a test compares the two
FIRST_REVISION = "0007"  # those before it were never released, and cannot be upgraded
SCHEMA_FILE = Path(__file__).with_name("schema.sql")

_COMMENT = re.compile("--.*")
_CREATE = re.compile(r"CREATE (TABLE|INDEX|VIEW) (\w+)")
_MARK = re.compile(" ?([(),]) ?")
_SPACE = re.compile("[ \t\n\f\r]+")  # what separates words for SQLite; Unicode has more


@cache
def read_statements(file: Path) -> tuple[str, ...]:
    """The statements of a file of ours, in order, without comments."""
    parts = _COMMENT.sub("", file.read_text()).split(";")
    return tuple(part.strip() for part in parts if not part.isspace())


def statements() -> tuple[str, ...]:
    """What makes the tables, views and first rows of a new database, except for its revision."""
    return read_statements(SCHEMA_FILE)


def sql_by_name() -> dict[str, str]:
    """The normalized SQL of each object of the schema, by type and name: "table image"."""
    return _sql_by_name(SCHEMA_FILE)


@cache
def _sql_by_name(file: Path) -> dict[str, str]:
    found = ((_CREATE.match(sql), normalized(sql)) for sql in read_statements(file))
    return {f"{match[1].lower()} {match[2]}": sql for match, sql in found if match}


def normalized(sql: str) -> str:
    """SQL with the least white space: the form in which statements are compared. ALTER TABLE keeps
    the layout of the statement that it changes, and puts a comma where a line was."""
    return _MARK.sub(r"\1", _SPACE.sub(" ", sql)).strip(" ")
