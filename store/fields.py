"""The keys of an event, as `Event` describes them, in the order in which they are printed."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, get_args

from execdb.store.event import Command, Creds, Event, Exec, Place
from execdb.store.kinds import Group, Kind


class Field(NamedTuple):
    """One key of an event."""

    name: str
    kind: Kind
    group: Group
    meaning: str  # in Markdown
    nullable: bool
    place: int  # of the value in an Event; for `time`, of `time_ns`


def _described() -> Iterator[Field]:
    """The keys of `Event`, and `time` after `time_ns`."""
    for place, (name, annotation) in enumerate(Event.__annotations__.items()):
        kind, group, meaning = annotation.__metadata__
        nullable = type(None) in get_args(annotation.__origin__)
        yield Field(name, kind, group, meaning, nullable, place)
        if name == "time_ns":
            meaning = "the same as RFC 3339, UTC with nanoseconds; output only"
            yield Field("time", Kind.TIME_TEXT, group, meaning, False, place)


FIELDS = tuple(_described())
FIELD_OF = {field.name: field for field in FIELDS}


def runs_of(fields: Sequence[Field]) -> list[tuple[Group, list[Field]]]:
    """The fields in their order, split where the group changes."""
    return [(group, list(run)) for group, run in groupby(fields, lambda field: field.group)]


def to_dict(event: Event) -> dict[str, Any]:
    """The event under its public names, `time` included."""
    return {field.name: getattr(event, field.name) for field in FIELDS}


# The parts of which `at_exec` makes an event, by name. The last one is for what is not known yet.
_KNOWN = (
    *("id", "run_id", "boot_id", "host", "time_ns", "boot_ns", "pid", "ppid", "ns_pid"),
    *("errno", "caller", "parent_id"),
    *(*Creds._fields, *Command._fields, *Place._fields, ""),
)
_in_order = itemgetter(*(_KNOWN.index(name if name in _KNOWN else "") for name in Event._fields))


def at_exec(
    e: Exec, id_: int, run_id: int, boot_id: str, host: str, parent_id: int | None
) -> Event:
    """An exec as an event whose end is not known yet."""
    time_ns, boot_ns, pid, ppid, (creds, command, place, caller), _, _, errno, ns_pid, *_ = e
    ns_pid = pid if ns_pid is None else ns_pid
    moment = id_, run_id, boot_id, host, time_ns, boot_ns, pid, ppid, ns_pid
    known = (*moment, errno, caller, parent_id, *creds, *command, *place, None)
    return tuple.__new__(Event, _in_order(known))


# What a row gets only later: how its image ended.
OF_THE_END = frozenset(Event._fields) - {*_KNOWN}
_without_end = itemgetter(*(-1 if n in OF_THE_END else at for at, n in enumerate(Event._fields)))


def without_end(event: Event) -> Event:
    """The event as it was while its image ran: what `at_exec` makes."""
    return tuple.__new__(Event, _without_end((*event, None)))
