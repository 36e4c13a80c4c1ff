"""The terms and options that choose events, for every command that shows some."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input import completion
from execdb.cli.input.numbers import MARK, event_id, process_id
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.shared import Since, Until, as_recorded, span_of
from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from execdb.store.terms.times import parse_time
from execdb.store.terms.users import uid_of

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.reading.event_filter import StartFilter
    from execdb.store.reading.filter import Filter
    from execdb.store.terms.term import Term


_NAME_SHOWN = 60  # characters of a name that is too long


@dataclass(frozen=True)
class FilterOptions:
    """The terms and options as they were typed. An event must fulfil all that are given; an
    option given twice, or with a term about the same field, is an alternative."""

    terms: Annotated[
        list[str] | None,
        typer.Argument(
            help="FIELD=VALUE: comm=gcc,cc1  comm!=sed  filename='/tmp/*'  exit_code=1..  "
            "duration=5s..1m  errno=null  signal=KILL  argv='*key*'  command~=REGEX. FIELD is any "
            "key of an event; `duration`, `cpu` and `command` (the whole line) are fields as well.",
            metavar="[TERM...]",
            autocompletion=completion.terms,
            show_default=False,
        ),
    ] = None
    since: Since = None
    until: Until = None
    uid: Annotated[
        list[str] | None,
        typer.Option(
            help="Real user: a number or a name.", metavar="USER", autocompletion=completion.users
        ),
    ] = None
    comm: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of the program, at most 15 bytes; * and ? match.",
            metavar="NAME",
            autocompletion=completion.comms,
        ),
    ] = None
    path: Annotated[
        list[str] | None,
        typer.Option(help="File, as the program was started by; * and ? match.", metavar="PATH"),
    ] = None
    arg: Annotated[
        list[str] | None,
        typer.Option(help="Text that one of the arguments contains.", metavar="TEXT"),
    ] = None
    failed: Annotated[
        bool | None,
        typer.Option(
            "--failed/--succeeded",
            help="Failed: a non-zero exit, a signal, or an exec that was refused. Succeeded: exit "
            "0. A program that still runs, or was replaced by another exec, is neither.",
        ),
    ] = None
    running: Annotated[
        bool,
        typer.Option("--running", help="Has no recorded end: it runs, or its end was missed."),
    ] = False
    pid: Annotated[
        list[int] | None, typer.Option(help="Process id.", parser=process_id, metavar="PID")
    ] = None
    ppid: Annotated[
        list[int] | None,
        typer.Option(help="Process id of the parent.", parser=process_id, metavar="PID"),
    ] = None
    descendants_of: Annotated[
        list[int] | None,
        typer.Option(
            help="Started by the event with this id, directly or indirectly. Ids below 0 are of "
            "programs that ran before the recording.",
            parser=event_id,
            metavar="ID",
        ),
    ] = None
    loginuid: Annotated[
        list[str] | None,
        typer.Option(
            help="User who logged in, also behind sudo and su.",
            metavar="USER",
            autocompletion=completion.users,
        ),
    ] = None
    cgroup: Annotated[
        list[str] | None,
        typer.Option(help="Path of the control group; * and ? match.", metavar="PATH"),
    ] = None
    host: Annotated[
        list[str] | None, typer.Option(help="Name of the machine; * and ? match.", metavar="NAME")
    ] = None
    replays: Annotated[
        bool,
        typer.Option("--replays", help="Also what live replays by root started (replay --live)."),
    ] = False
    message: Annotated[
        list[str] | None,
        typer.Option(help="Exactly this message (see execdb config).", metavar="TEXT"),
    ] = None


def with_marks(chosen: FilterOptions, place: Path | CentralUrl) -> FilterOptions:
    """The same, with the time of the mark for `mark:TEXT`. Raises ExecdbError if there is none,
    DatabaseError or CentralError."""
    typed = chosen.since, chosen.until
    if not any(text is not None and text.startswith(MARK) for text in typed):
        return chosen
    from execdb.store.asking.opening import open_store

    with open_store(place) as store:
        since = _with_mark(store, "since", chosen.since)
        return replace(chosen, since=since, until=_with_mark(store, "until", chosen.until))


def _with_mark(store: "Store", option: str, text: str | None) -> str | None:
    if text is None or not text.startswith(MARK):
        return text
    with asked_by(option):
        time_ns = store.time_of_mark(as_recorded(text.removeprefix(MARK)))
    return f"@{time_ns // 10**9}.{time_ns % 10**9:09d}"


def filter_of(chosen: FilterOptions) -> "Filter":
    """The store's filter from options as they were typed. Raises UsageError."""
    from execdb.store.reading.filter import Filter

    if chosen.running and chosen.failed is not None:
        raise UsageError(
            "--running does not go with --failed or --succeeded: what runs is neither yet"
        )
    now_ns = time.time_ns()
    since_ns, until_ns = span_of(chosen.since, chosen.until, now_ns)
    return Filter(
        terms=_terms_and_short_forms(chosen, now_ns),
        since_ns=since_ns,
        until_ns=until_ns,
        failed=chosen.failed,
        running=chosen.running,
        descendants_of=tuple(chosen.descendants_of or ()),
        replays=chosen.replays,
    )


def start_filter_of(chosen: FilterOptions) -> "StartFilter":
    """The same of options that choose starts as they come. Raises UsageError, also for what is
    known only when a program ends, and for expressions whose time an argument could stretch."""
    from execdb.store.fields import OF_THE_END
    from execdb.store.linear_regex import BadPattern, LinearRegex
    from execdb.store.reading.event_filter import StartFilter
    from execdb.store.terms.term import Found

    terms = _terms_and_short_forms(chosen, time.time_ns())
    for term in terms:
        if term.field in OF_THE_END:
            raise UsageError(
                f"{term.field} is known when a program ends, and this shows starts: "
                "execdb query --follow shows ends as well"
            )
        for found in (value for value in term.any_of if isinstance(value, Found)):
            try:
                LinearRegex(found.pattern)
            except BadPattern as error:
                raise UsageError(
                    f"{term.field}~={found.pattern}: {error} (here RE2 reads expressions)"
                ) from None
    return StartFilter(terms, tuple(chosen.descendants_of or ()))


def _terms_and_short_forms(chosen: FilterOptions, now_ns: int) -> "tuple[Term, ...]":
    from execdb.store.terms.names import COMM_MAX, cut_names
    from execdb.store.terms.short_forms import merged

    terms = merged((*terms_of(chosen.terms or (), now_ns), *_short_forms(chosen)))
    for name, kept in cut_names(terms):
        shown = name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}..."
        what = f"{escape(shown)} is recorded as {escape(kept)}"
        say(f"note: the kernel keeps {COMM_MAX} bytes of a program's name: {what}")
    return terms


def terms_of(texts: Iterable[str], now_ns: int) -> "tuple[Term, ...]":
    """Terms as they were typed. Raises UsageError."""
    from execdb.store.terms.parse import Reader

    reader = Reader(uid_of, lambda text: parse_time(text, now_ns, say=say), typed=True)
    return reader.terms(map(as_recorded, texts))


def _short_forms(chosen: FilterOptions) -> "Iterator[Term]":
    from execdb.store.terms.short_forms import short_form

    for name in ("uid", "loginuid"):
        with asked_by(name):
            yield from [short_form(name, uid_of(user)) for user in getattr(chosen, name) or ()]
    for name in ("pid", "ppid"):
        yield from (short_form(name, number) for number in getattr(chosen, name) or ())
    for name in ("comm", "path", "arg", "cgroup", "host", "message"):
        texts = getattr(chosen, name) or ()
        yield from (short_form(name, as_recorded(text)) for text in texts)
