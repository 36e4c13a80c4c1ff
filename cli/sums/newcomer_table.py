"""What ran for the first time, as a table, JSON or CSV."""

import csv
import io
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.show.cells import cell, json_cell
from execdb.cli.show.json_lines import array
from execdb.cli.sums.moment import moment
from execdb.store.event import Event
from execdb.store.fields import to_dict
from execdb.store.json_text import json_of
from execdb.store.times import rfc3339, zone_name

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.overview.family import Key
    from execdb.store.overview.newcomers import Newcomer


_SHORT_TIMES = 80  # cells: below, without year and seconds


class First(NamedTuple):
    """What is new, the first event that has it, and what started that one, if it is known."""

    new: "Newcomer"
    event: Event
    parent: Event | None


def firsts(found: Sequence["Newcomer"], store: "Store") -> Iterator[First]:
    """Without those whose first event was removed meanwhile."""
    events = _by_key(store, (new.first for new in found))
    above = store.parents(sorted(events))
    parents = _by_key(store, (key for key in above.values() if key is not None))
    for new in found:
        event = events.get(new.first)
        if event is not None:
            yield First(new, event, parents.get(above.get(new.first)))


def redacted(
    rows: Iterable[First],
    hide: Callable[[tuple[Any, ...]], tuple[Any, ...]],
    change: Callable[[Iterable[Event]], Iterator[Event]],
) -> Iterator[First]:
    """Without secrets: `hide` changes values, `change` events."""
    for new, event, parent in rows:
        shown, above = next(change([event])), None if parent is None else next(change([parent]))
        yield First(replace(new, values=hide(new.values)), shown, above)


def _by_key(store: "Store", keys: "Iterable[Key]") -> "dict[Key, Event]":
    return {store.key_of(event): event for event in store.rows_with(sorted(set(keys)))}


def newcomer_table(
    rows: Iterable[First], fields: Sequence[str], width: int | None, *, utc: bool, colour: bool
) -> Iterator[str]:
    """For people: a line for each. Users by name, as in the table of `query`."""
    from execdb.cli.show.event_table import command_of, user_of
    from execdb.cli.table.layout import Column, table

    short = width is not None and width < _SHORT_TIMES
    shown = [field for field in fields if field != "uid"]
    columns = [
        Column(f"first ({zone_name(utc=utc)})"),
        Column("user", text=True),
        Column("runs", right=True),
        Column("id", right=True),
        Column("parent", text=True),
        *(Column(field, text=True) for field in shown),
        Column("command", text=True),
    ]
    cells = (
        [
            moment(event.time_ns, utc=utc, short=short),
            user_of(event),
            str(new.runs),
            str(event.id),
            "" if parent is None else f"{escape(parent.comm)} {parent.pid}",
            *(_text(new.values[fields.index(field)]) for field in shown),
            command_of(event),
        ]
        for new, event, parent in rows
    )
    return table(columns, cells, width, colour=colour)


def newcomer_json(rows: Iterable[First], fields: Sequence[str]) -> Iterator[str]:
    """An array of objects: the values that are new, `runs`, the `first` event with all its keys,
    and its `parent`, an event as well or null."""
    return array(
        json_of(
            {
                "new": dict(zip(fields, new.values, strict=True)),
                "runs": new.runs,
                "first": to_dict(event),
                "parent": None if parent is None else to_dict(parent),
            }
        )
        for new, event, parent in rows
    )


_OF_FIRST = ("time", "id", "pid", "user", "tty", "command", "parent", "parent_pid", "parent_id")


def newcomer_csv(rows: Iterable[First], fields: Sequence[str]) -> Iterator[str]:
    """The same with a header, safe for spreadsheets; the columns from `time` on are of the first
    event."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*fields, "runs", *_OF_FIRST])
    for new, event, parent in rows:
        writer.writerow(
            [
                *map(_cell, new.values),
                new.runs,
                rfc3339(event.time_ns),
                event.id,
                event.pid,
                event.uid,
                _cell(event.tty),
                cell(shlex.join(event.argv)),
                None if parent is None else cell(parent.comm),
                None if parent is None else parent.pid,
                event.parent_id,
            ]
        )
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return escape(value if isinstance(value, str) else json_of(value))


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return json_cell(value)
    return cell(value) if isinstance(value, str) else value
