"""Terms as conditions in SQL, and the tables that they are about."""

import json
import re
import shlex
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from execdb.store.event import REPLACED
from execdb.store.fields import FIELD_OF
from execdb.store.file.text import readable, storable
from execdb.store.json_text import json_of
from execdb.store.kinds import Group
from execdb.store.schema import tables
from execdb.store.segments.dictionary import PROGRAM
from execdb.store.terms.term import COMMAND, Found, Glob, Range, Term, Value

_image, _status = tables.image, tables.image.c.status
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LITERAL = re.compile(r"(?:[^*?\\]|\\.)+", re.DOTALL)  # of a glob

_offset_ns = (
    select(tables.segment.c.offset_ns)
    .where(tables.segment.c.first_id <= _image.c.id)
    .order_by(tables.segment.c.first_id.desc())
    .limit(1)
    .scalar_subquery()
)
# Keys that are made of columns of `image`.
_MADE: dict[str, ColumnElement[Any]] = {
    "boot_ns": _image.c.time_ns - _offset_ns,
    "ns_pid": func.coalesce(_image.c.ns_pid, _image.c.pid),
    "ended": case(
        (_status.is_(None), None),
        (_status == REPLACED, "exec"),
        (_status.op("&")(0x7F) != 0, "signal"),
        else_="exit",
    ),
    "exit_code": case(
        (and_(_status >= 0, _status.op("&")(0x7F) == 0), _status.op(">>")(8).op("&")(0xFF))
    ),
    "signal": case((_status >= 0, func.nullif(_status.op("&")(0x7F), 0))),
}


def table_of(field: str) -> str:
    """Where the values of a field are: image, origin, program, command, or run for those that are
    the same in all rows of a segment."""
    if field in PROGRAM:
        return "program"
    if field == COMMAND:
        return "command"
    if field == "run_id":
        return "run"
    group = FIELD_OF[field].group
    tables = {Group.ORIGIN: "origin", Group.COMMAND: "command", Group.BOOT: "run"}
    return tables.get(group, "image")


def of_image(term: Term) -> ColumnElement[bool]:
    """What a row of `image` must meet."""
    return holds(term, column_of(term.field))


def column_of(field: str) -> ColumnElement[Any]:
    """The value of a field that `table_of` says to be in `image`."""
    made = _MADE.get(field)
    return _image.c[field] if made is None else made


def holds(term: Term, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """What a term says of the values of a column."""
    found = or_(*(_is(column, value) for value in term.any_of))
    # Of no value, `found` is null: that is no, so its negation is yes.
    return func.coalesce(found, 0) == 0 if term.negated else found


def _is(column: ColumnElement[Any], value: Value) -> ColumnElement[bool]:
    if value is None:
        return column.is_(None)
    if isinstance(value, Range):
        return and_(
            *([] if value.least is None else [column >= value.least]),
            *([] if value.most is None else [column <= value.most]),
        )
    if isinstance(value, Found):
        return func.regexp(storable(value.pattern), column) == 1
    if isinstance(value, Glob):
        # Text that is not UTF-8 is a blob, in which GLOB does not tell one byte from another.
        by_bytes = func.regexp(storable(_whole(value)), column) == 1
        is_blob = func.typeof(column) == "blob"
        return or_(column.op("GLOB")(storable(_sqlite_glob(value.pattern))), is_blob & by_bytes)
    return column == (storable(value) if isinstance(value, str) else value)


def of_argument(value: Value) -> ColumnElement[bool]:
    """What the text of an argument must meet, which is stored as a JSON string. It is first looked
    at as it is, which is fast, for the longest part of a pattern and for its end."""
    stored = tables.argument.c.text
    if isinstance(value, str):
        return stored == json_of(value)
    if isinstance(value, Glob):
        literals = list(_LITERAL.finditer(value.pattern))
        parts = [json_of(_ESCAPED.sub(r"\1", each[0]))[1:-1] for each in literals]
        longest = max(parts, key=len, default="")
        looks = [func.instr(stored, longest) > 0] if longest else []
        if literals and literals[-1].end() == len(value.pattern):
            last = f'{parts[-1]}"'
            looks.append(func.substr(stored, -len(last)) == last)
        return and_(*looks, func.argument_regexp(storable(_whole(value)), stored) == 1)
    assert isinstance(value, Found)
    return func.argument_regexp(storable(value.pattern), stored) == 1


def regexp(pattern: str | bytes, value: object) -> bool | None:
    """SQL's `value REGEXP pattern`: whether the pattern is found. Null of null."""
    if not isinstance(value, (str, bytes)):
        return None if value is None else _compiled(pattern)(str(value)) is not None
    return _compiled(pattern)(readable(value)) is not None


def argument_regexp(pattern: str | bytes, argument: str) -> bool:
    """The same of a JSON string."""
    return _compiled(pattern)(json.loads(argument)) is not None


def command_line(arguments: str) -> str | bytes:
    """The arguments, a JSON array of JSON strings, as one line quoted for a shell."""
    return storable(shlex.join(map(json.loads, json.loads(arguments))))


@lru_cache(maxsize=64)
def _compiled(pattern: str | bytes) -> Any:
    return re.compile(readable(pattern)).search


def _whole(glob: Glob) -> str:
    return (
        f"(?s:{glob.regex().pattern})\\Z"
        if glob.pattern.startswith("*")
        else (f"\\A(?s:{glob.regex().pattern})\\Z")
    )


def _sqlite_glob(pattern: str) -> str:
    """SQLite's GLOB knows no backslash, but sets in brackets."""

    def literal(found: re.Match[str]) -> str:
        char = found[0][-1]
        return f"[{char}]" if char in "*?[" else char

    return re.sub(r"\\.|\[", literal, pattern, flags=re.DOTALL)
