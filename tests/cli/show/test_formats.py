"""How events look in each format."""

import csv
import io
import json

import pytest

from execdb.cli.input.formats import EventFormat
from execdb.cli.show.formats import renderer
from execdb.cli.table.look import Look, columns_of
from execdb.store.event import Event
from execdb.store.fields import to_dict
from tests.conftest import an_event

NASTY = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202e\udcff[red]\t"
HOSTILE = an_event(
    comm=NASTY, filename=NASTY, argv=(NASTY, "it's"), message=NASTY, host=NASTY, boot_id=NASTY
)
ALL_FORMATS = list(EventFormat)


def shown(name: str, *events: Event) -> str:
    return "".join(renderer(name)(events))


def test_plain_is_the_books_line() -> None:
    event = an_event(pid=23, uid=501, comm="my ls", message="Hi user 501!")
    assert shown("plain", event) == "23 501 my ls Hi user 501!\n"


def test_plain_names_the_caller_where_it_is_known() -> None:
    event = an_event(pid=23, comm="ls", caller="bash")
    assert shown("plain", event) == "23 0 bash Hey root!\n"


def test_line() -> None:
    event = an_event(time_ns=7, pid=23, ppid=5, argv=("sh", "-c", "make all", ""))
    assert shown("line", event) == (
        "1970-01-01T00:00:00.000000007Z 23 5 0 true Hey root! sh -c 'make all' ''\n"
    )


def test_what_was_cut_says_so() -> None:
    event = an_event(argv=("a", "b"), argc=1_009, truncated=True)
    assert "a b ..." in shown("line", event)
    assert "1009" in shown("line", event)


def test_ndjson_is_an_object_a_line() -> None:
    events = [an_event(n, argv=("a", "\n", "\udcff")) for n in range(23)]
    lines = shown("ndjson", *events).splitlines()
    assert [json.loads(line) for line in lines] == [
        to_dict(event) | {"argv": list(event.argv)} for event in events
    ]


@pytest.mark.parametrize("number", [0, 1, 23])
def test_json_is_one_array(number: int) -> None:
    events = [an_event(n) for n in range(number)]
    assert [value["pid"] for value in json.loads(shown("json", *events))] == [
        event.pid for event in events
    ]


def test_csv_has_a_header_and_a_row_each() -> None:
    events = [an_event(0, argv=('say "hi", you', ""), exit_code=None), an_event(1, comm="a,b")]
    one, two = csv.DictReader(io.StringIO(shown("csv", *events)))
    assert list(one) == list(to_dict(events[0]))
    assert json.loads(one["argv"]) == ['say "hi", you', ""]
    assert (one["truncated"], one["exit_code"], two["comm"]) == ("0", "", "a,b")


def test_csv_of_nothing_is_its_header() -> None:
    assert shown("csv").strip().split(",") == list(to_dict(an_event()))


@pytest.mark.parametrize("name", ALL_FORMATS)
def test_nothing_recorded_acts_on_the_terminal(name: str) -> None:
    text = shown(name, HOSTILE)
    assert all(char.isprintable() or char in "\r\n" for char in text)
    assert text.encode()
    assert "\r" not in text.replace("\r\n", "")
    lines = 2 if name == "csv" else len(shown(name, an_event()).splitlines())
    assert len(text.splitlines()) == lines


def test_nothing_recorded_is_taken_as_markup() -> None:
    text = shown("table", an_event(comm="[red]", message="[/red]", argv=("[link=x]", ":smile:")))
    for word in ("[red]", "[/red]", "[link=x]", ":smile:"):
        assert word in text


@pytest.mark.parametrize("name", ALL_FORMATS)
def test_a_time_past_the_calendar_is_shown(name: str) -> None:
    assert shown(name, an_event(time_ns=(1 << 63) - 1)).strip()


@pytest.mark.parametrize("name", ["csv", "json", "ndjson"])
def test_columns_are_chosen_and_ordered(name: str) -> None:
    text = "".join(renderer(name, Look(("pid", "time", "argv")))([an_event(time_ns=7, pid=23)]))
    wanted = {"pid": 23, "time": "1970-01-01T00:00:00.000000007Z", "argv": ["true"]}
    if name == "csv":
        assert text == 'pid,time,argv\r\n23,1970-01-01T00:00:00.000000007Z,"[""true""]"\r\n'
    else:
        found = json.loads(text)
        assert list((found[0] if name == "json" else found).items()) == list(wanted.items())


@pytest.mark.parametrize("name", ["csv", "json", "ndjson"])
def test_the_command_line_is_a_column_for_programs_too(name: str) -> None:
    event = an_event(argv=("sh", "-c", "a b; =c", ""))
    text = "".join(renderer(name, Look(columns_of("pid,command", name)))([event]))
    if name == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert rows == [["pid", "command"], ["1000", r"sh -c 'a b; \x3dc' ''"]]
    else:
        found = json.loads(text)
        found = found[0] if name == "json" else found
        assert found == {"pid": 1000, "command": "sh -c 'a b; =c' ''"}
