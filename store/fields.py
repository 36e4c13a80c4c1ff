"""The keys of an event under their public names."""

from typing import Any

from execdb.store.event import Event
from execdb.store.times import rfc3339


def to_dict(event: Event) -> dict[str, Any]:
    """The event under its public names, `time` included."""
    values = event._asdict()
    ordered = {"id": values.pop("id"), "run_id": values.pop("run_id")}
    ordered["time_ns"] = values.pop("time_ns")
    ordered["time"] = rfc3339(event.time_ns)
    return ordered | values
