"""Events as JSON objects: what `json_of(to_dict(event))` gives, in less than a third of the
time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from execdb.store.event import Event
from execdb.store.fields import FIELDS, Field, runs_of
from execdb.store.json_text import json_of
from execdb.store.kinds import Group, Kind
from execdb.store.reading.event_filter import value_of
from execdb.store.times import rfc3339

_REMEMBERED_CHARS = 2_000_000  # for each run of keys


class Members(dict[tuple[Any, ...], str]):
    """The JSON text of some neighbouring members of an object, by their values. It is remembered,
    since few of these values differ from event to event."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._chars = 0

    def __missing__(self, values: tuple[Any, ...]) -> str:
        text = json_of(dict(zip(self._names, values, strict=True)))[1:-1]
        self._chars += len(text)
        if self._chars > _REMEMBERED_CHARS:
            self.clear()
            self._chars = len(text)
        self[values] = text
        return text


def ndjson(events: Iterable[Event], names: Sequence[str] = ()) -> Iterator[str]:
    """One object on each line."""
    return _some(events, names, "\n") if names else objects(events, "\n")


def json(events: Iterable[Event], names: Sequence[str] = ()) -> Iterator[str]:
    """One array, written as the events come."""
    return array(_some(events, names) if names else objects(events))


def array(objects: Iterable[str]) -> Iterator[str]:
    """JSON objects as one array, written as they come."""
    start = "[\n"
    for text in objects:
        yield start + text
        start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


def _some(events: Iterable[Event], names: Sequence[str], end: str = "") -> Iterator[str]:
    """Objects with these keys alone, of which `command` may be one."""
    for event in events:
        yield json_of({name: value_of(event, name) for name in names}) + end


def objects(events: Iterable[Event], end: str = "") -> Iterator[str]:
    """One object for each event, followed by `end`. Numbers must be numbers, as they are in a
    history."""
    write: Callable[[Event], str] = eval(
        _CODE,
        {
            "members": [Members([field.name for field in run]) for run in _RUNS],
            "end": end,
            "json_of": json_of,
            "rfc3339": rfc3339,
        },
    )
    return map(write, events)


# This runs for every row of an export. So the keys are not looped over for each: the function that
# writes an event is one f-string, whose source is made of the table of fields.

_RUNS = [run for group, run in runs_of(FIELDS) if group is not Group.ROW]


def _source() -> str:
    """`lambda event: f'{{"id": {event[0]}, ... {members[0][event[4:6]]}, ...}}{end}'`"""
    parts: list[str] = []
    recurring = 0
    for group, run in runs_of(FIELDS):
        if group is Group.ROW:
            parts += (f'"{field.name}": {_value(field)}' for field in run)
        else:
            first, last = run[0].place, run[-1].place
            parts.append(f"{{members[{recurring}][event[{first}:{last + 1}]]}}")
            recurring += 1
    return f"lambda event: f'{{{{{', '.join(parts)}}}}}{{end}}'"


def _value(field: Field) -> str:
    """The part of an f-string that writes a value which differs from event to event."""
    value = f"event[{field.place}]"
    if field.kind is Kind.TIME_TEXT:
        return f'"{{rfc3339({value})}}"'
    if field.kind.most is None:
        return f"{{json_of({value})}}"
    return f'{{"null" if {value} is None else {value}}}' if field.nullable else f"{{{value}}}"


_CODE = compile(_source(), "<fields>", "eval")
