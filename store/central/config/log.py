"""Who changed the config when: of hosts, as they shipped it, and of the store itself."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session, open_session
from execdb.store.central.errors import CentralError
from execdb.store.central.text import from_central, to_central
from execdb.store.central.url import CentralUrl
from execdb.store.config.log import FIRST, LogRow
from execdb.store.event import Event
from execdb.store.reading.filter import Filter


class Change(NamedTuple):
    """`host` is the host of which the row is, or None of a change in the store, which is for
    `scope` (`all hosts`, `group web`, `host web1`). `login` is the store's: who shipped the row, or
    who made the change, from `address` (None: a socket, or not known) with `application`."""

    row: LogRow
    host: str | None
    scope: str | None
    login: str
    address: str | None = None
    application: str | None = None


def read_changes(url: CentralUrl, wanted: Filter, most: int) -> tuple[list[Change], bool]:
    """The latest ones of the hosts that are wanted, and of the store those that concern them, in
    order of time (`most` 0: all); whether there are several hosts. Raises CentralError."""
    limit = most or None
    with open_session(url) as session:
        hosts = list(map(to_central, Roster(session).hosts(wanted)))
        known = session.rows(_HOSTS, [hosts]) if _chooses(wanted) else []
        names = [name for row in known for name in row if name is not None]
        found = [_of_host(row) for row in session.rows(_SHIPPED, [hosts, limit])]
        values = [not _chooses(wanted), hosts, names, limit]
        found += [_of_store(row) for row in session.rows(_EDITS, values)]
    found.sort(key=lambda change: (change.row.time_ns, change.row.generation))
    return found[-most:] if most else found, len(hosts) > 1


def _chooses(wanted: Filter) -> bool:
    return any(term.field == "host" for term in wanted.terms)


def _of_host(row: Sequence[Any]) -> Change:
    host, login, *values = map(_text, row)
    return Change(LogRow(*values), host, None, login)


def _of_store(row: Sequence[Any]) -> Change:
    scope, name, login, address, application, *values = map(_text, row)
    generation, time_ns, *change = values
    for_whom = "all hosts" if scope == "all" else f"{scope} {name}"
    made = LogRow(generation, time_ns, None, None, None, *change)
    return Change(made, None, for_whom, login, address, application)


def _text(value: Any) -> Any:
    return from_central(value) if isinstance(value, str) else value


class Known(NamedTuple):
    """The config of a generation by subject, and when that began (None: with the file)."""

    state: dict[str, str]
    since_ns: int | None


def read_state(session: Session, event: Event) -> Known:
    """What the config of an event's host was at the event, by what its host shipped of its log.
    Raises CentralError if that does not say."""
    host, generation = to_central(event.host), event.config_generation
    rows, different, hole, newest = session.rows(_LOG, [host, host, host])[0]
    if rows != different:
        raise CentralError(
            "several files of this host were shipped, whose logs of the config cannot be told "
            "apart: ask the file itself"
        )
    if generation > max(newest or 0, 1):
        raise CentralError(
            f"generation {generation} of the config, under which event {event.id} was recorded, "
            "was not shipped yet"
        )
    if hole is not None and generation < hole:
        raise CentralError(
            f"event {event.id} was recorded under generation {generation} of the config, "
            "which the log does not reach back to"
        )
    state = dict(FIRST)
    for subject, after in session.rows(_STATE, [host, generation]):
        if after is None:
            state.pop(from_central(subject), None)
        else:
            state[from_central(subject)] = from_central(after)
    began = session.rows(_BEGAN, [host, generation])[0][0]
    return Known(state, began)


_TEXT_MAX, _SUBJECTS_MAX = 32_768, 100_000  # longer ones, or more, are forged
_TEXTS = ", ".join(
    f"left({name}, {_TEXT_MAX})" for name in ("tty", "action", "subject", "before", "after")
)
_ROW = f"generation, time_ns, uid, loginuid, {_TEXTS}"
_SHIPPED = (
    f"SELECT host, shipper, {_ROW} FROM execdb.config_change WHERE host = ANY(%s::text[])"
    " ORDER BY time_ns DESC, id DESC LIMIT %s"
)
_TIME_NS = "(extract(epoch FROM changed_at) * 1000000)::bigint * 1000"
_EDITS = (
    f"SELECT scope, name, changed_by, address, application, generation, {_TIME_NS}, action,"
    " subject, before, after FROM execdb.config_edit WHERE %s OR scope = 'all'"
    " OR scope = 'host' AND name = ANY(%s::text[]) OR scope = 'group' AND name = ANY(%s::text[])"
    " ORDER BY changed_at DESC, generation DESC LIMIT %s"
)
_HOSTS = (
    "SELECT DISTINCT host_group FROM (SELECT host, host_group FROM execdb.host_config"
    " UNION ALL SELECT host, host_group FROM execdb.run) known WHERE host = ANY(%s::text[])"
)
# Rows of the oldest generations are removed from a long log, but for what is needed to know the
# last of them: so it is known from the first row on after which no number is missing.
_LOG = """
SELECT count(*), count(DISTINCT id), (
    SELECT max(generation) FROM (SELECT generation, id, lag(id, 1, 0::bigint) OVER (ORDER BY id)
        AS before FROM execdb.config_change WHERE host = %s) numbered WHERE id <> before + 1),
    (SELECT max(generation) FROM execdb.config_change WHERE host = %s)
FROM execdb.config_change WHERE host = %s
"""
_STATE = (
    f"SELECT left(subject, {_TEXT_MAX}), left(after, {_TEXT_MAX})"
    " FROM (SELECT DISTINCT ON (subject) id, subject, after"
    " FROM execdb.config_change WHERE host = %s AND generation <= %s"
    f" ORDER BY subject, id DESC) latest ORDER BY id LIMIT {_SUBJECTS_MAX}"
)
_BEGAN = "SELECT min(time_ns) FROM execdb.config_change WHERE host = %s AND generation = %s"
