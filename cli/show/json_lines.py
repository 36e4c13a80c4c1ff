"""Events as JSON objects, each on a line or all in an array."""

from collections.abc import Iterable, Iterator, Sequence

from execdb.store.event import Event
from execdb.store.fields import FIELDS
from execdb.store.json_objects import RECURRING, Members, code_of, writer
from execdb.store.json_text import json_of
from execdb.store.kinds import Group
from execdb.store.reading.event_filter import value_of
from execdb.store.segments.reader import JsonRow, row_writer


def ndjson(events: Iterable[Event], names: Sequence[str] = ()) -> Iterator[str]:
    """One object on each line."""
    return _some(events, names, "\n") if names else objects(events, "\n")


def json(events: Iterable[Event], names: Sequence[str] = ()) -> Iterator[str]:
    """One array, written as the events come."""
    return array(_some(events, names) if names else objects(events))


def ndjson_of_rows(rows: Iterable[JsonRow]) -> Iterator[str]:
    """What `ndjson` gives of the events of these rows."""
    return map(row_writer("\n"), rows)


def json_of_rows(rows: Iterable[JsonRow]) -> Iterator[str]:
    """What `json` gives of the events of these rows."""
    return array(map(row_writer(), rows))


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
    """One object for each event, followed by `end`: what `json_of(to_dict(event))` gives."""
    return map(writer(_CODE, end, members=[Members(run) for run in RECURRING]), events)


# Where an event has what.
_CODE = code_of(
    {field.name: f"item[{field.place}]" for field in FIELDS if field.group is Group.ROW},
    [
        f"members[{number}][item[{run[0].place}:{run[-1].place + 1}]]"
        for number, run in enumerate(RECURRING)
    ],
)
