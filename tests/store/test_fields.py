"""The keys of an event under their public names."""

from execdb.store.event import Event
from execdb.store.fields import to_dict
from tests.conftest import an_event


def test_the_public_names_are_the_fields_and_the_time() -> None:
    values = to_dict(an_event(time_ns=7))
    assert list(values) == ["id", "run_id", "time_ns", "time", *Event._fields[3:]]
    assert values["time"] == "1970-01-01T00:00:00.000000007Z"
