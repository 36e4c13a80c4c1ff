"""JSON objects written key by key: what `json_of(to_dict(event))` gives, in a third of the time.

This runs for every row of an export. So the keys are not looped over for each: the function that
writes an object is one f-string, whose source is made of the table of fields.
"""

from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

from execdb.store.fields import FIELDS, Field, runs_of
from execdb.store.json_text import json_of
from execdb.store.kinds import Group, Kind
from execdb.store.times import rfc3339

_REMEMBERED_CHARS = 2_000_000  # for each run of keys
# The keys whose values recur, in runs of neighbours: who, what, where and so on.
RECURRING = [run for group, run in runs_of(FIELDS) if group is not Group.ROW]


class Members(dict[Any, str]):
    """The JSON text of some neighbouring members of an object, by their values or by a key that
    stands for these. It is remembered, since few of these values differ from event to event."""

    def __init__(
        self, run: Sequence[Field], values_of: Callable[[Any], tuple[Any, ...]] = tuple
    ) -> None:
        self._names, self._values_of = [field.name for field in run], values_of
        self._chars = 0

    def __missing__(self, key: Any) -> str:
        values = self._values_of(key)
        text = json_of(dict(zip(self._names, values, strict=True)))[1:-1]
        self._chars += len(text)
        if self._chars > _REMEMBERED_CHARS:
            self.clear()
            self._chars = len(text)
        self[key] = text
        return text


def code_of(own: Mapping[str, str], recurring: Sequence[str]) -> CodeType:
    """For `writer`: Python expressions say where an `item` has what. `own` are those of the keys of
    Group.ROW, `recurring` the texts of the members of each of RECURRING. Numbers must be numbers,
    as they are in a history."""
    parts: list[str] = []
    texts = iter(recurring)
    for group, run in runs_of(FIELDS):
        if group is Group.ROW:
            parts += (f'"{field.name}": {_value(field, own)}' for field in run)
        else:
            parts.append(f"{{{next(texts)}}}")
    return compile(f"lambda item: f'{{{{{', '.join(parts)}}}}}{{end}}'", "<fields>", "eval")


def writer(code: CodeType, end: str, **known: Any) -> Callable[[Any], str]:
    """The function that writes an item as an object, followed by `end`. `known` are the names that
    the expressions use."""
    names = {"end": end, "json_of": json_of, "rfc3339": rfc3339, **known}
    written: Callable[[Any], str] = eval(code, names)
    return written


def _value(field: Field, own: Mapping[str, str]) -> str:
    """The part of an f-string that writes a value which differs from event to event."""
    if field.kind is Kind.TIME_TEXT:
        return f'"{{rfc3339({own["time_ns"]})}}"'
    value = own[field.name]
    if field.kind.most is None:
        return f"{{json_of({value})}}"
    return f'{{"null" if {value} is None else {value}}}' if field.nullable else f"{{{value}}}"
