"""execdb config log: who changed the config when, and what it was at an event."""

import json
import pwd
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import event_count, event_id
from execdb.cli.input.options.filter import FilterOptions
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.config.log import LogRow
    from execdb.store.file.database import Database

_SHOWN = 100
EXAMPLES = """
execdb config log                        # the latest 100 changes
execdb config log --at 42                # what it was when 42 was recorded
execdb config log --limit 0 --format json
execdb config log --host web1 --db postgresql://db.example/history
"""


def log(
    context: typer.Context,
    at: Annotated[
        int | None,
        typer.Option(
            help="Show instead what the config was when this event was recorded.",
            parser=event_id,
            metavar="ID",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Show the latest N; 0 shows all.", parser=event_count, metavar="N")
    ] = _SHOWN,
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="With the URL of a central store: changes on this host, and those of the store "
            "that concern it; * and ? match.",
            metavar="NAME",
        ),
    ] = None,
    format: Annotated[ReportFormat, typer.Option(help="How to show them.")] = ReportFormat.TEXT,
) -> None:
    """Show who changed the config when, the oldest change first.

    Each line is one entry, rule or limit, before and after. A change made with plain SQL is shown
    as `found`, with the time at which it was noticed. A central store has what its hosts shipped,
    and who changed its own config: the login, and from where.
    """
    if isinstance(context.obj, CentralUrl):
        from execdb.cli.commands.config.central_log import show

        show(context.obj, FilterOptions(host=host), at, limit, format)
        return
    if host:
        raise UsageError("--host goes with --db URL: a file has the config of one host")
    from execdb.store.config.log import read_log
    from execdb.store.config.stored import short_values
    from execdb.store.file.database import open_database

    encode_for(format)
    with open_database(context.obj) as database:
        if at is not None:
            _show_at(database, at, format)
            return
        with database.reading() as connection, short_values(connection):
            rows = list(read_log(connection, limit and limit + 1))
    more = limit and len(rows) > limit
    rows = rows[-limit:] if limit else rows
    if format is ReportFormat.JSON:
        emit([json.dumps([as_json(row) for row in rows]) + "\n"])
    else:
        emit(map(line, rows))
    if more:
        say(f"the latest {limit} changes; --limit 0 shows all")


def as_json(row: "LogRow") -> dict[str, object]:
    """A change, for programs."""
    values = row._asdict()
    return {
        "generation": values.pop("generation"),
        "time_ns": values.pop("time_ns"),
        "time": rfc3339(row.time_ns),
        **values,
    }


def line(row: "LogRow", *, who: str | None = None, where: str = "") -> str:
    """A change, for people. `who` made it, if that is not a user of a machine; `where` says for
    what."""
    who = _user(row) if who is None else who
    none = "that of the numbers" if row.subject == _ORDER else "none"
    change = " -> ".join(none if each is None else f'"{each}"' for each in (row.before, row.after))
    text = f"{row.generation} {local_time(row.time_ns)} {who}: {row.what}{where}: {change}"
    return escape(text) + "\n"


def _user(row: "LogRow") -> str:
    who = "someone" if row.uid is None else _name(row.uid)
    if row.loginuid is not None and row.loginuid != row.uid:
        who += f" (login {_name(row.loginuid)})"
    return who if row.tty is None else f"{who} on {row.tty}"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError, ValueError):
        return str(uid)


def _show_at(database: "Database", at: int, format: ReportFormat) -> None:
    """Raises ExecdbError if the config of that event is not known."""
    from execdb.store.config.log import logged_state, oldest_generation, time_of
    from execdb.store.config.stored import short_values

    generation = _generation_of(database, at)
    with database.reading() as connection, short_values(connection):
        if generation < oldest_generation(connection):
            raise ExecdbError(
                f"event {at} was recorded under generation {generation} of the config, "
                "which the log does not reach back to"
            )
        state, since_ns = logged_state(connection, generation), time_of(connection, generation)
    show_state(at, generation, state, since_ns, format)


def show_state(
    at: int, generation: int, state: Mapping[str, str], since_ns: int | None, format: ReportFormat
) -> None:
    """What the config was at an event."""
    if format is ReportFormat.JSON:
        since = None if since_ns is None else rfc3339(since_ns)
        known = {"id": at, "generation": generation, "since_ns": since_ns, "since": since}
        emit([json.dumps(known | {"config": state}) + "\n"])
        return
    since = "" if since_ns is None else f", which began at {local_time(since_ns)}"
    say(f"event {at} was recorded under generation {generation} of the config{since}")
    emit(_lines_of(state))


def _generation_of(database: "Database", at: int) -> int:
    """Raises ExecdbError."""
    with database.reading() as connection:
        row = connection.execute(_EVENT, (at,)).fetchone()
    if row is None:
        raise ExecdbError(f"there is no event {at}")
    generation, kind, host = row
    if kind != "collect":
        raise ExecdbError(
            f"event {at} was imported: ask the database that recorded it, on {escape(str(host))}, "
            f"for generation {generation} of its config"
        )
    if type(generation) is not int or generation < 1:
        raise ExecdbError(f"event {at} does not say under which config it was recorded")
    return generation


def _lines_of(state: Mapping[str, str]) -> Iterator[str]:
    """Messages, rules in the order in which they were asked, limits."""
    asked = {f"rule {each}": at for at, each in enumerate(state.get(_ORDER, "").split())}

    def place(subject: str) -> tuple[int, int, bool, int, str]:
        kind, _, name = subject.partition(" ")
        group = _GROUPS.index(kind) if kind in _GROUPS else len(_GROUPS)
        rank = asked.get(subject, len(asked))
        return group, rank, name != "default", len(name), name  # numbers in their order

    for subject in sorted(state.keys() - {_ORDER}, key=place):
        yield escape(f'{subject}: "{state[subject]}"') + "\n"


_ORDER = "order"  # of the rules, where it is not that of their numbers
_GROUPS = ("default", "uid", "rule", "limit")
_EVENT = """SELECT config_generation, kind, images.host FROM images
CROSS JOIN run ON run.id = images.run_id WHERE images.id = ?"""
