"""execdb config log of a central store: changes on hosts, and those of the store's own config."""

import json
from typing import TYPE_CHECKING

from execdb.cli.commands.config.log import as_json, line, show_state
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError

if TYPE_CHECKING:
    from execdb.store.central.config.log import Change
    from execdb.store.reading.filter import Filter


def show(
    url: CentralUrl, chosen: FilterOptions, at: int | None, limit: int, format: ReportFormat
) -> None:
    """Raises CentralError, UsageError."""
    from execdb.store.central.config.log import read_changes

    encode_for(format)
    wanted = filter_of(chosen)
    if at is not None:
        _show_at(url, wanted, at, format)
        return
    changes, several = read_changes(url, wanted, limit and limit + 1)
    more = limit and len(changes) > limit
    changes = changes[-limit:] if limit else changes
    if format is ReportFormat.JSON:
        emit([json.dumps([_as_json(change) for change in changes]) + "\n"])
    else:
        emit(_line(change, several=several) for change in changes)
    if more:
        say(f"the latest {limit} changes; --limit 0 shows all")


def _as_json(change: "Change") -> dict[str, object]:
    values = change._asdict()
    return as_json(values.pop("row")) | values


def _line(change: "Change", *, several: bool) -> str:
    if change.host is not None:
        return line(change.row, where=f" on {change.host}" if several else "")
    place = "" if change.address is None else f" from {change.address}"
    return line(change.row, who=f"login {change.login}{place}", where=f" for {change.scope}")


def _show_at(url: CentralUrl, wanted: "Filter", at: int, format: ReportFormat) -> None:
    """Raises CentralError if the config of that event is not known."""
    from execdb.store.central.asking.central_store import CentralStore
    from execdb.store.central.asking.session import open_session
    from execdb.store.central.config.log import read_state

    with open_session(url) as session:
        store = CentralStore(session)
        key = store.key_named(at, wanted)
        event = None if key is None else next(store.rows_with([key]), None)
        if event is None:
            raise ExecdbError(f"there is no event {at}")
        if event.config_generation < 1:
            raise ExecdbError(f"event {at} does not say under which config it was recorded")
        known = read_state(session, event)
    show_state(at, event.config_generation, known.state, known.since_ns, format)
