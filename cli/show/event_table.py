"""Events as a table: the columns that there are, and those that fit."""

import os
import pwd
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from execdb.cli.output.escape import escape, quote
from execdb.cli.show.durations import compact
from execdb.cli.table.layout import DIM, PAGE, RED, Cell, Column, natural_widths, table
from execdb.cli.table.look import Look
from execdb.store.event import Event
from execdb.store.fields import FIELD_OF
from execdb.store.kinds import Kind
from execdb.store.times import local_time, rfc3339, zone_name

_ALL = ("id", "time", "host", "pid", "user", "comm", "end", "took", "message", "command")
_LEFT_OUT = ("comm", "message", "took")  # in this order, if the terminal is narrow
_COMMAND_LEAST = 20  # cells
_CHARS_MAX = 4_000  # of a command that is cut: more than any terminal is wide


def event_table(events: Iterable[Event], look: Look) -> Iterator[str]:
    """A header and a line for each event. The first page of events decides what fits."""
    rest = iter(events)
    page = list(islice(rest, PAGE))
    names, short, gap = (look.columns, False, 2) if look.columns else _fitting(page, look)
    columns, cells = _columns(names, look, short)
    rows = ([cell(event) for cell in cells] for event in chain(page, rest))
    yield from table(columns, rows, look.width, colour=look.colour, gap=gap)


def _fitting(page: Sequence[Event], look: Look) -> tuple[tuple[str, ...], bool, int]:
    """The usual columns that leave room for the command; whether times are short; the gap."""
    names = tuple(name for name in _ALL if name != "host" or look.hosts)
    if len(page) < PAGE and all(event.message == look.default_message for event in page):
        names = tuple(name for name in names if name != "message")
    choices = [(names, False, 2), (names, True, 2), (names, True, 1)]
    for name in _LEFT_OUT:
        names = tuple(each for each in names if each != name)
        choices.append((names, True, 1))
    for choice in choices:
        columns, cells = _columns(choice[0], look, choice[1])
        rows = ([cell(event) for cell in cells[:-1]] for event in page)
        used = sum(natural_widths(columns[:-1], rows)) + choice[2] * len(columns[:-1])
        if look.width is None or look.width - used >= _COMMAND_LEAST:
            return choice
    return choices[-1]


_Write = Callable[[Event], str | Cell]


def cells_of(names: Sequence[str], look: Look) -> list[_Write]:
    """What writes the cells of these columns, for those who lay them out by themselves."""
    return _columns(names, look, False)[1]


def _columns(names: Sequence[str], look: Look, short: bool) -> tuple[list[Column], list[_Write]]:
    """The columns, and what writes their cells."""
    columns, cells = zip(*(_column(name, look, short) for name in names), strict=True)
    return list(columns), list(cells)


def _column(name: str, look: Look, short: bool) -> tuple[Column, _Write]:
    match name:
        case "time":
            return Column(f"time ({zone_name(utc=look.utc)})"), _time(look.utc, short)
        case "user":
            return Column(name, text=True), str_of("uid") if look.numeric else user_of
        case "end":
            return Column(name), _end
        case "took":
            return Column(name, right=True), _took
        case "command":
            return Column(name, text=True), command_of if look.width else whole_command
        case "message" if not look.columns:
            default = look.default_message
            shown = lambda event: "" if event.message == default else escape(event.message)  # noqa: E731
            return Column(name, text=True), shown
    kind = FIELD_OF[name].kind
    return Column(name, text=kind.most is None, right=kind.most is not None), str_of(name)


def str_of(name: str) -> Callable[[Event], str]:
    """What writes the value of a key; nothing for null."""
    place, kind = FIELD_OF[name].place, FIELD_OF[name].kind
    write: Callable[[Any], str] = escape if kind.is_text else str
    if kind is Kind.TEXTS:
        write = lambda texts: " ".join(map(quote, texts))  # noqa: E731
    return lambda event: "" if event[place] is None else write(event[place])


def _time(utc: bool, short: bool) -> Callable[[Event], str]:
    first, last = (5, 19) if short else (0, 23)  # short: without the year and milliseconds

    def write(event: Event) -> str:
        text = rfc3339(event.time_ns) if utc else local_time(event.time_ns)
        return text if text.startswith("@") else text[first:last].replace("T", " ")

    return write


def user_of(event: Event) -> str:
    """The name that this machine knows; of another machine's users only root's, the others may be
    other people here."""
    if event.uid and event.host != _this_host():
        return str(event.uid)
    return _name_of(event.uid)


@lru_cache(maxsize=1)
def _this_host() -> str:
    return os.uname().nodename


@lru_cache(maxsize=1_024)
def _name_of(uid: int) -> str:
    try:
        return escape(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return str(uid)


def _end(event: Event) -> Cell | str:
    """An errno, an exit code, a signal, `exec`, or nothing yet."""
    if event.errno is not None:
        return Cell(escape(event.errno), RED)
    if event.ended == "exit":
        return Cell(str(event.exit_code), RED if event.exit_code else "")
    if event.ended == "signal":
        return Cell(signal_name(event.signal or 0), RED)
    return Cell(event.ended or "", DIM)


@lru_cache
def signal_name(number: int) -> str:
    """`SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:  # of the real-time signals only the first and the last have names
        return f"SIG{number}"


def _took(event: Event) -> str:
    return "" if event.duration_ns is None else compact(event.duration_ns)


def whole_command(event: Event) -> str:
    """The arguments, quoted for a shell."""
    cut = f" ... ({event.argc} arguments, cut)" if event.truncated else ""
    return " ".join(map(quote, event.argv)) + cut


def command_of(event: Event) -> str:
    """The beginning: quoting all of a long command would take longer than showing it."""
    if sum(map(len, event.argv)) <= _CHARS_MAX:
        return whole_command(event)
    quoted: list[str] = []
    chars = 0
    for argument in event.argv:
        quoted.append(quote(argument[:_CHARS_MAX]))
        chars += len(quoted[-1])
        if chars > _CHARS_MAX:
            break
    return " ".join(quoted)
