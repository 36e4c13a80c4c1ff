"""What `collect` shows of what it stores, on a pipe and on a terminal."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from execdb.cli.session.live_view import LiveView, Origin
from execdb.cli.session.pace import BURST, Pace
from execdb.cli.show.fitting import fit_terminal
from execdb.cli.show.formats import Renderer, renderer
from execdb.cli.show.json_lines import ndjson
from execdb.cli.show.lines import line
from execdb.cli.table.layout import width_of
from execdb.store.event import End, Event, Exec
from execdb.store.fields import without_end
from execdb.store.file.database import Database
from execdb.store.linear_regex import LinearRegex
from execdb.store.reading.event_filter import EventFilter, StartFilter
from execdb.store.reading.history import History
from execdb.store.terms.term import Found, Glob, Term
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, a_filter, an_event, an_exec, counts, recorded
from tests.store.writing.recordings import end, key


class Shown:
    """A live view of a recording that writes to a descriptor which is read here."""

    def __init__(self, recording: Recording, **options: object) -> None:
        self.read, self._write = os.pipe()
        self.recording, self.warnings = recording, list[str]()
        self.view = make(recording, self._write, self.warnings.append, **options)  # type: ignore[arg-type]
        self.view.start()

    def write(self, execs: Sequence[Exec], ends: Sequence[End] = ()) -> None:
        ids = self.recording.write(execs, ends, counts(len(execs)))
        self.view.show(ids, execs)

    def text(self) -> str:
        """All of it; nothing is shown afterwards."""
        assert self.view.close() == 0
        os.close(self._write)
        with open(self.read, encoding="utf-8") as file:
            return file.read()


def make(
    recording: Recording,
    fd: int,
    warn: Callable[[str], None],
    render: Renderer = line,
    wanted: Callable[[Event], bool] | None = None,
    pace: Pace | None = None,
) -> LiveView:
    origin = Origin(MACHINE, recording.run_id, recording.parents_of)
    return LiveView(render, origin, wanted, pace, (fd, "utf-8"), warn)


@pytest.fixture
def shown(database: Database) -> Callable[..., Shown]:
    return partial(Shown, recorded(database, []))


def test_shows_starts_as_they_are_read_back(
    shown: Callable[..., Shown], database: Database
) -> None:
    view = shown(render=renderer("ndjson"))
    parent, child = an_exec(0), an_exec(1, parent=key(an_exec(0)))
    stranger = an_exec(4, parent=(17, 23))  # whose own exec was lost
    view.write([parent, child], [end(child, 5, 0)])
    view.write([an_exec(3, parent=key(parent)), stranger])
    events = list(History(database).events(a_filter()))
    assert [event.parent_id for event in events] == [None, 1, 1, None]
    assert view.text() == "".join(ndjson(map(without_end, events)))


def test_shows_only_what_is_wanted(shown: Callable[..., Shown]) -> None:
    wanted = EventFilter(StartFilter((Term("argv", (Glob("*7*"),)),)), (), LinearRegex).may_want
    view = shown(wanted=wanted)
    view.write([an_exec(n, argv=("run", str(n))) for n in range(23)])
    assert [text.split()[-1] for text in view.text().splitlines()] == ["7", "17"]


def test_descendants_are_recognised_as_they_come(shown: Callable[..., Shown]) -> None:
    shell, other = an_exec(0), an_exec(1)
    view = shown(wanted=EventFilter(StartFilter(descendants_of=(1,))).may_want)
    view.write([shell, other])
    view.write([an_exec(2, parent=key(shell)), an_exec(3, parent=key(other))])
    view.write([an_exec(4, parent=key(an_exec(2)))])
    assert [text.split()[1] for text in view.text().splitlines()] == ["1002", "1004"]


def test_what_is_left_out_is_said(shown: Callable[..., Shown]) -> None:
    view = shown(pace=Pace())
    view.write([an_exec(n) for n in range(BURST + 997)])
    *lines, last = view.text().splitlines()
    assert len(lines) == BURST
    assert last == "... 997 more not shown: too many to read"


def test_what_is_left_out_is_said_soon_though_nothing_comes(shown: Callable[..., Shown]) -> None:
    view = shown(pace=Pace())
    view.write([an_exec(n) for n in range(BURST + 1)])
    with open(view.read, encoding="utf-8", closefd=False) as file:
        lines = [file.readline() for _ in range(BURST + 1)]
    assert lines[-1] == "... 1 more not shown: too many to read\n"
    assert view.text() == ""


@pytest.fixture
def terminal() -> Iterator[int]:
    ours, theirs = pty.openpty()
    yield theirs
    os.close(theirs)
    os.close(ours)


@pytest.mark.parametrize("width", [60, 79, 200])
def test_a_line_never_wraps(
    terminal: int, width: int, shown: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    view = shown(render=fit_terminal(line, terminal))
    view.write([an_exec(1, argv=("run", "\x1b[2J", "宽" * 300)), an_exec(2, argv=("true",))])
    long, short = view.text().splitlines()
    assert width_of(long) in (width - 1, width)
    assert long.endswith("…")
    assert width_of(short) <= width


def test_no_argument_makes_a_filter_slow() -> None:
    """Python's own `re` would take longer than anyone waits."""
    hostile = "a" * 40_000
    for value in (Glob("*a*a*a*a*b"), Found("(a+)+b"), Found("a*a*a*b")):
        wanted = EventFilter(StartFilter((Term("comm", (value,)),)), (), LinearRegex)
        assert not wanted.may_want(an_event(comm=hostile))
