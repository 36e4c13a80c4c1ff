"""Which events: the filter vocabulary that query, replay and count share, as SQL conditions."""

import json
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, TableClause, and_, bindparam, func, not_, or_, select

from execdb.store.event import REPLACED
from execdb.store.file.text import readable, storable
from execdb.store.json_text import json_of
from execdb.store.schema import tables

_image, _command, _program = tables.image, tables.command, tables.program
_argument, _origin = tables.argument, tables.origin
_NOT_WELL = 0xFF7F  # bits of a status: the exit code and the signal (wait(2))


@dataclass(frozen=True)
class Filter:
    """Which events; None does not filter. `comm` and `path` may hold `*` and `?`.

    `since_ns` is the first moment inside, `until_ns` the first one after.
    """

    uid: int | None = None
    pid: int | None = None
    ppid: int | None = None
    comm: str | None = None
    path: str | None = None
    arg: str | None = None
    message: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    loginuid: int | None = None
    cgroup: str | None = None
    failed: bool | None = None  # True: what did not do well; False: what exited with 0
    running: bool = False  # only what has no end
    descendants_of: int | None = None  # a row's id

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on columns of `image`, besides the time."""
        conditions = [*_equal(_image.c.pid, self.pid), *_equal(_image.c.ppid, self.ppid)]
        errno, status = _image.c.errno, _image.c.status
        # As in `ending`: a status is null while the image runs, and replaced images did not end.
        well = status.op("&")(_NOT_WELL) == 0
        if self.failed:
            conditions.append(or_(errno.is_not(None), and_(status != REPLACED, not_(well))))
        elif self.failed is not None:
            conditions += [errno.is_(None), status != REPLACED, well]
        if self.running:
            conditions += [errno.is_(None), status.is_(None)]
        return conditions

    def arguments(self) -> list[ColumnElement[bool]]:
        """The conditions that one of the arguments must meet."""
        return [] if self.arg is None else [_has_text(self.arg)]

    def entries(self) -> dict[TableClause, Select[Any]]:
        """Queries for the ids of the wanted origins and programs, in order; only for a table with a
        condition on it. There are few of these, unlike arguments."""
        conditions = {
            _program: [*_like(_program.c.comm, self.comm), *_like(_program.c.filename, self.path)],
            _origin: [
                *_equal(_origin.c.uid, self.uid),
                *_equal(_origin.c.loginuid, self.loginuid),
                *_equal(
                    _origin.c.message, None if self.message is None else storable(self.message)
                ),
                *_like(_origin.c.cgroup, self.cgroup),
            ],
        }
        return {
            table: select(table.c.id).where(*wanted).order_by(table.c.id)
            for table, wanted in conditions.items()
            if wanted
        }


def commands(*, programs: bool, arguments: int) -> list[ColumnElement[bool]]:
    """Conditions on commands: they have one of the programs in `:program_id`, and one of the
    arguments in `:value`, which are so many (0: no condition)."""
    conditions = [one_of(_command.c.program_id)] if programs else []
    if arguments:
        ids = _command.c.arguments
        if arguments <= FEW:  # passes over most commands, at a fraction of the cost
            each = (func.instr(ids, bindparam(f"value_{n}")) > 0 for n in range(arguments))
            conditions.append(or_(*each))
        value = func.json_each(ids).table_valued("value", joins_implicitly=True).c.value
        conditions.append(select(value).where(one_of(value)).exists())
    return conditions


FEW = 8  # arguments, which are also in :value_0, :value_1 ... as text


def one_of(column: ColumnElement[int]) -> ColumnElement[bool]:
    """That a column holds one of the ids in the parameter with its name, a JSON array."""
    each = func.json_each(bindparam(column.key)).table_valued("value")
    return column.in_(select(each.c.value))


def _equal(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]


def _like(column: ColumnElement[Any], pattern: str | None) -> list[ColumnElement[bool]]:
    """Exact, or SQLite's GLOB where there is a `*` or `?`; its `[` has no meaning here."""
    if pattern is None:
        return []
    if "*" in pattern or "?" in pattern:
        # Text that is not UTF-8 is a blob, in which GLOB does not tell one byte from another.
        is_blob = func.typeof(column) == "blob"
        by_bytes = func.glob_bytes(column, storable(pattern)) == 1
        return [or_(column.op("GLOB")(storable(pattern.replace("[", "[[]"))), is_blob & by_bytes)]
    return [column == storable(pattern)]


def _has_text(text: str) -> ColumnElement[bool]:
    """The stored JSON is searched first, which is fast but may also find the text in an
    escape; where there is one, `has_text` then looks closely."""
    stored, needle = _argument.c.text, json_of(text)
    plain = func.instr(stored, "\\") == 0
    return and_(
        func.instr(stored, needle[1:-1]) > 0, or_(plain, func.has_text(stored, needle) == 1)
    )


def has_text(argument: str, text: str) -> bool:
    """The SQL function behind `--arg`: both as JSON, since SQLite text cannot hold surrogates."""
    return json.loads(text) in json.loads(argument)


def glob_bytes(value: bytes, pattern: str | bytes) -> bool:
    """GLOB with `*` and `?` alone, each byte that is not UTF-8 a character of its own."""
    parts = (_WILD.get(char, re.escape(char)) for char in readable(pattern))
    return re.fullmatch("".join(parts), readable(value), re.DOTALL) is not None


_WILD = {"*": ".*", "?": "."}
