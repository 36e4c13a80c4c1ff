"""The description of the keys of an event, and what follows from it."""

from typing import get_type_hints

import pytest

from execdb.store.event import Command, Creds, Event, Place
from execdb.store.fields import FIELD_OF, FIELDS, at_exec, runs_of, to_dict
from execdb.store.kinds import Group, Kind
from tests.conftest import BOOT_ID, an_event, an_exec, some_creds


def test_the_public_names_are_the_fields_and_the_time() -> None:
    values = to_dict(an_event(time_ns=7))
    assert list(values) == ["id", "run_id", "time_ns", "time", *Event._fields[3:]]
    assert values["time"] == "1970-01-01T00:00:00.000000007Z"


def test_every_key_has_a_meaning_of_its_own_in_one_line() -> None:
    assert len({field.meaning for field in FIELDS}) == len(FIELDS)
    assert not any("\n" in field.meaning or "|" in field.meaning for field in FIELDS)


def test_the_kind_of_a_key_agrees_with_its_type() -> None:
    for name, hint in get_type_hints(Event).items():
        field = FIELD_OF[name]
        base = {Kind.BOOL: bool, Kind.TEXTS: tuple[str, ...]}.get(field.kind)
        base = base or (str if field.kind.is_text else int)
        assert hint == (base | None if field.nullable else base), name


@pytest.mark.parametrize(
    ("parts", "group"), [((Creds, Place), Group.ORIGIN), ((Command,), Group.COMMAND)]
)
def test_what_recurs_has_the_keys_of_its_group(
    parts: tuple[type[Creds | Place | Command], ...], group: Group
) -> None:
    """So that a key that is added to an event is also added to what an Exec says of it."""
    hints = {name: kind for part in parts for name, kind in get_type_hints(part).items()}
    described = get_type_hints(Event)
    assert hints == {f.name: described[f.name] for f in FIELDS if f.group is group}


def test_keys_of_a_group_stand_together_in_an_event() -> None:
    """So that an event's values of a run are a slice."""
    for group, run in runs_of(FIELDS):
        places = [field.place for field in run]
        assert group is Group.ROW or places == list(range(places[0], places[0] + len(run)))


def test_an_exec_is_shown_as_it_is_read_back_later() -> None:
    creds = some_creds(501, "Hi", euid=7, gid=11, loginuid=13, sessionid=17, tty="pts/3")
    place = Place("/home", "/user.slice", True, "c0ffee", 7, 11, 13)
    command = {"filename": "/bin/ls", "comm": "ls", "argv": ("ls", "/"), "truncated": True}
    file = {"exe": "/bin/ls", "exe_device": "8:1", "exe_inode": 5, "exe_deleted": True}
    command |= file
    e = an_exec(
        3,
        creds=creds,
        place=place,
        caller="sh",
        errno="EACCES",
        ppid=5,
        ns_pid=2,
        argc=23,
        **command,
    )
    own = creds._asdict() | place._asdict() | command | {"caller": "sh", "errno": "EACCES"}
    assert at_exec(e, 19, 29, BOOT_ID, "workshop", 17) == an_event(
        3, id=19, run_id=29, parent_id=17, ppid=5, ns_pid=2, argc=23, **own
    )
