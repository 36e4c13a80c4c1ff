"""What a filter asks for as conditions in SQL."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, not_, or_, select

from execdb.store.event import REPLACED
from execdb.store.file.text import storable
from execdb.store.json_text import json_of
from execdb.store.reading.filter import FEW, Filter
from execdb.store.replay_root import RECORDED_CGROUPS, REPLAY_CGROUP
from execdb.store.schema import tables
from execdb.store.schema.constants import NOT_WELL
from execdb.store.terms.term import COMMAND, Found, Glob, Range, Term, Value

_image, _status = tables.image, tables.image.c.status
_command, _argument = tables.command, tables.argument
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


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """The conditions on columns of `image`, besides the time."""
    found = [of_image(term) for term in wanted.about("image")]
    errno, well = _image.c.errno, _status.op("&")(NOT_WELL) == 0
    if wanted.failed:
        found.append(not_well())
    elif wanted.failed is not None:
        found += [errno.is_(None), _status != REPLACED, well]
    if wanted.running:
        found += [errno.is_(None), _status.is_(None)]
    if wanted.without_replays:
        found.append(not_replayed())
    return found


def not_replayed() -> ColumnElement[bool]:
    """That no live replay has started a row of `image`."""
    origin = tables.origin.c
    named = origin.cgroup.op("GLOB")(f"{REPLAY_CGROUP}[0-9]*")
    rest = func.ltrim(func.substr(origin.cgroup, len(REPLAY_CGROUP) + 1), "0123456789")
    named_so = or_(rest == "", rest == RECORDED_CGROUPS, rest.op("GLOB")(f"{RECORDED_CGROUPS}/*"))
    return _image.c.origin_id.not_in(select(origin.id).where(named, named_so))


def not_well() -> ColumnElement[bool]:
    """That a row of `image` did not do well: it was refused, or ended with a non-zero exit code or
    by a signal. As in `ending`: a status is null while the image runs, and replaced images did not
    end."""
    errno, status = _image.c.errno, _image.c.status
    ill = status.op("&")(NOT_WELL) != 0
    return or_(errno.is_not(None), and_(status != REPLACED, ill))


def arguments(term: Term) -> list[ColumnElement[bool]]:
    """The condition that an argument must meet to be one that a term about `argv` asks for."""
    return [or_(*map(of_argument, term.any_of))]


def commands(
    terms: Iterable[Term], found: Iterable[int], *, programs: bool
) -> list[ColumnElement[bool]]:
    """Conditions on commands: that the terms hold for them, and that they have one of the programs
    in `:program_id`. `found` has, for each term about `argv`, how many arguments fulfil it, up to
    FEW + 1: their ids are in `:argv_0` and so on."""
    found_so = [one_of(_command.c.program_id)] if programs else []
    counts = iter(found)
    for number, term in enumerate(terms):
        if term.field == "argv":
            found_so.append(_has_argument(number, next(counts), term.negated))
        elif term.field == COMMAND:
            found_so.append(holds(term, func.command_line(texts_of_command())))
        else:
            found_so.append(holds(term, _command.c[term.field]))
    return found_so


def _has_argument(number: int, count: int, negated: bool) -> ColumnElement[bool]:
    ids = _command.c.arguments
    value = func.json_each(ids).table_valued("value", joins_implicitly=True).c.value
    found = select(value).where(one_of(value, f"argv_{number}")).exists()
    if negated:
        return not_(found)
    if count > FEW:
        return found
    # Passes over most commands, at a fraction of the cost.
    each = (func.instr(ids, bindparam(f"argv_{number}_{n}")) > 0 for n in range(count))
    return and_(or_(*each), found)


def texts_of_command() -> ColumnElement[str]:
    """The arguments of a command as a JSON array of JSON strings."""
    place = func.json_each(_command.c.arguments).table_valued("key", "value", joins_implicitly=True)
    texts = (
        select(_argument.c.text)
        .select_from(place.join(_argument, _argument.c.id == place.c.value))
        .order_by(place.c.key)
        .subquery()
    )
    return select(func.json_group_array(texts.c.text)).scalar_subquery()


def one_of(column: ColumnElement[int], name: str | None = None) -> ColumnElement[bool]:
    """That a column holds one of the ids in the parameter with its name, a JSON array."""
    each = func.json_each(bindparam(name or column.key)).table_valued("value")
    return column.in_(select(each.c.value))
