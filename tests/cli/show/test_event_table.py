"""The table of events: its columns, its colours, and its width."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from execdb.cli.show.event_table import event_table
from execdb.cli.table.layout import PAGE
from execdb.cli.table.look import Look, columns_of
from execdb.store.errors import UsageError
from execdb.store.event import Event
from tests.conftest import an_event

NS = 1_000_000_000
WIDE = Look(default_message="Hello World", utc=True)


def lines(look: Look, *events: Event) -> list[str]:
    return "".join(event_table(events, look)).splitlines()


def test_a_line_has_what_a_person_asks_first() -> None:
    event = an_event(
        id=7, time_ns=23 * NS, pid=501, uid=0, comm="sh", argv=("sh", "-c", "make all"),
        message="Hey root!", ended="exit", exit_code=3, duration_ns=1_500_000_000,
    )  # fmt: skip
    header, line = lines(WIDE, event)
    names = ["id", "time", "(UTC)", "pid", "user", "comm", "end", "took", "message", "command"]
    assert header.split() == names
    assert line.split() == [
        *("7", "1970-01-01", "00:00:23.000", "501", "root", "sh", "3", "1.5s"),
        *("Hey", "root!", "sh", "-c", "'make", "all'"),
    ]


def test_the_default_message_is_left_out() -> None:
    header = lines(WIDE, an_event(message="Hello World"))[0]
    assert "message" not in header
    first, second = lines(WIDE, an_event(message="Hello World"), an_event(message="Hi"))[1:]
    assert "Hello" not in first
    assert " Hi " in second


@pytest.mark.parametrize(
    ("end", "shown", "colour"),
    [
        ({"ended": "exit", "exit_code": 0}, "0", ""),
        ({"ended": "exit", "exit_code": 1}, "1", "31"),
        ({"ended": "signal", "signal": 9}, "SIGKILL", "31"),
        ({"ended": "signal", "signal": 35}, "SIG35", "31"),
        ({"errno": "ENOENT"}, "ENOENT", "31"),
        ({"ended": "exec"}, "exec", "2"),
    ],
)
def test_failures_are_red_and_what_was_replaced_is_dim(
    end: dict[str, Any], shown: str, colour: str
) -> None:
    event = an_event(**{"ended": None, "exit_code": None, "duration_ns": None, **end})
    plain, coloured = (
        lines(Look(columns=("end",), colour=colour), event)[1] for colour in (False, True)
    )
    assert plain == shown
    assert coloured == (f"\x1b[{colour}m{shown}\x1b[0m" if colour else shown)


def test_numbers_stand_for_users_where_asked_and_of_other_machines() -> None:
    here, there = an_event(uid=0), an_event(uid=1, host="no-such-machine")
    assert [line.split() for line in lines(Look(("user",)), here, there)] == [
        ["user"], ["root"], ["1"],
    ]  # fmt: skip
    assert lines(Look(("user",), numeric=True), here)[1] == "0"


ALPHABETS = ("abc/-. ", "\u6f22\u5b57\uff21", "e\u0301\u0308", "\U0001f980x", "\x1b\u202e\udcff\t")


def varied(count: int, seed: int) -> Iterator[Event]:
    draw = random.Random(seed)

    def text(most: int) -> str:
        return "".join(draw.choices(draw.choice(ALPHABETS), k=draw.randrange(most)))

    for number in range(count):
        yield an_event(
            number, id=10 ** draw.randrange(10), pid=draw.randrange(1, 1 << 22), comm=text(16),
            argv=tuple(text(60) for _ in range(draw.randrange(4))), message=text(13),
            uid=draw.choice((0, 1, 4_000_000_000)), duration_ns=10 ** draw.randrange(16),
            ended="signal", exit_code=None, signal=draw.choice((9, 11, 64)),
        )  # fmt: skip


@pytest.mark.parametrize("width", range(60, 201, 7))
@pytest.mark.parametrize("columns", [(), ("id", "comm", "cwd", "filename", "boot_id", "argv")])
def test_no_line_is_wider_than_the_terminal(width: int, columns: tuple[str, ...]) -> None:
    """Also those behind the first page, which decides the widths."""
    events = list(varied(PAGE + 53, width))
    found = lines(Look(columns, width, default_message="Hello World"), *events)
    assert len(found) == len(events) + 1
    assert max(map(cell_len, found)) <= width
    assert all(char.isprintable() for line in found for char in line)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_table_leaves_room_for_the_command(width: int) -> None:
    header, line = lines(
        Look((), width, default_message="Hello World"),
        an_event(id=123_456, pid=98_765, comm="a-long-name-15c", argv=("x" * 1_009,)),
    )
    assert header.split()[0] == "id"
    assert line.count("x") >= 19
    assert line.endswith("x\u2026")


def test_wide_cuts_nothing() -> None:
    assert lines(WIDE, an_event(argv=("x" * 10_007,)))[1].endswith("x" * 10_007)


def test_a_table_is_printed_as_events_come() -> None:
    taken = 0

    def events() -> Iterator[Event]:
        nonlocal taken
        for event in varied(10 * PAGE, 7):
            taken += 1
            yield event

    table = event_table(events(), WIDE)
    for _ in range(3):
        next(table)
    assert taken == PAGE


def test_an_endless_row_of_characters_without_width_is_cut() -> None:
    line = lines(Look((), 80), an_event(argv=("e" + "\u0301" * 100_003,)))[1]
    assert len(line) < 500


@pytest.mark.parametrize(
    ("text", "format", "sentence"),
    [
        ("id,com", "table", "did you mean comm"),
        ("id,args", "table", "give argv$"),
        ("cpu,cpu_ns", "csv", "twice"),
        ("id,user", "csv", "'user' is a column of a table: for csv give uid$"),
        ("end", "json", "for json give ended, exit_code, signal or errno$"),
        ("took", "ndjson", "for ndjson give duration_ns$"),
        ("id,id", "json", "twice"),
        ("id", "line", "--format table"),
        ("", "table", "there is no column ''"),
    ],
)
def test_columns_that_are_not_there_are_refused(text: str, format: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        columns_of(text, format)
