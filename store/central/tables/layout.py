"""The columns of the central tables, made of the keys of an event (store/keys.py)."""

from execdb.store.fields import FIELDS, OF_THE_END, Field
from execdb.store.json_text import json_of
from execdb.store.kinds import Group, Kind

_MADE = {"id", "run_id", "time_ns", "time"}  # of KEY


def _of(group: Group, *, end: bool = False) -> list[Field]:
    return [
        field
        for field in FIELDS
        if field.group is group and field.name not in _MADE and (field.name in OF_THE_END) is end
    ]


# In the order in which rows are copied.
KEY = ("run_id", "id", "time", "nanos")
AT_EXEC = (*_of(Group.ROW), *_of(Group.OUTCOME))
USED = _of(Group.ROW, end=True)  # what an image used until its end
END = ("status", *(field.name for field in USED))
ORIGIN, COMMAND = _of(Group.ORIGIN), _of(Group.COMMAND)
COLUMNS = (*KEY, *(f.name for f in AT_EXEC), *END, *(f.name for f in (*ORIGIN, *COMMAND)))

# Columns that a forwarder may read: which rows there are, and which have no end yet.
OPEN = (*KEY, "status", "errno")


def sql_type(field: Field) -> str:
    """The column's type. Numbers of 32 bits are unsigned on Linux."""
    if field.kind is Kind.BOOL:
        return "boolean"
    return "text" if field.kind.most is None else "bigint"


def column(field: Field) -> str:
    """The definition of a column. A key that an older execdb did not have has a default."""
    absent = field.kind.absent
    default = "" if absent is None else f" DEFAULT {json_of(absent)}"
    return f"{field.name} {sql_type(field)}{'' if field.nullable else ' NOT NULL'}{default}"


def exec_columns() -> list[str]:
    """The definitions of the columns of `exec`, in their order."""
    return [
        *_KEY_COLUMNS,
        *map(column, AT_EXEC),
        *end_columns(required=False),
        *map(column, (*ORIGIN, *COMMAND)),
    ]


def end_columns(*, required: bool) -> list[str]:
    """Those of what becomes known at an image's end; `status` is as wait(2) has it."""
    status = "status integer NOT NULL" if required else "status integer"
    return [status, *map(column, USED)]


def key_columns() -> list[str]:
    """Definitions of the columns that name a row."""
    return [*_KEY_COLUMNS]


_KEY_COLUMNS = (
    "run_id bigint NOT NULL",
    "id bigint NOT NULL",
    "time timestamptz NOT NULL",  # of microseconds
    "nanos smallint NOT NULL",  # beyond those of `time`: 0 to 999
)


def view_columns() -> list[str]:
    """The expressions of the view `execs`, in the order of an event: `e` is its row, `d` its end if
    that came later, `r` its run."""
    return [f"{expression(field)} AS {field.name}" for field in FIELDS]


def expression(field: Field) -> str:
    """The value of a key; `r` is only asked for what is the same in a whole run."""
    if field.name in _EXPRESSIONS:
        return _EXPRESSIONS[field.name]
    if field.group is Group.BOOT:
        return f"r.{field.name}"
    if field.name in OF_THE_END:
        return f"coalesce(e.{field.name}, d.{field.name})"
    return f"e.{field.name}"


_STATUS = "coalesce(e.status, d.status)"
TIME_NS = "((extract(epoch FROM e.time) * 1000000)::bigint * 1000 + e.nanos)"
# The same of a table of a day, at a fraction of the cost: exact up to the year 2106, as float8 is.
TIME_NS_OF_DAY = "((date_part('epoch', e.time) * 1000000)::bigint * 1000 + e.nanos)"
_EXPRESSIONS = {
    "time_ns": TIME_NS,
    "time": (
        """to_char(e.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        " || lpad(e.nanos::text, 3, '0') || 'Z'"
    ),
    "ended": (
        f"CASE WHEN {_STATUS} IS NULL THEN NULL WHEN {_STATUS} < 0 THEN 'exec'"
        f" WHEN {_STATUS} & 127 <> 0 THEN 'signal' ELSE 'exit' END"
    ),
    "exit_code": (
        f"CASE WHEN {_STATUS} >= 0 AND {_STATUS} & 127 = 0 THEN {_STATUS} >> 8 & 255 END"
    ),
    "signal": f"CASE WHEN {_STATUS} >= 0 THEN nullif({_STATUS} & 127, 0) END",
}
