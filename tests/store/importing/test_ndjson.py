"""The quick way through a line says what the plain way says, whatever went before."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.errors import BadEvent
from execdb.store.event import Event
from execdb.store.fields import to_dict
from execdb.store.importing import ndjson
from execdb.store.importing.imported import Imported, imported_of
from execdb.store.importing.ndjson import Parser, load
from execdb.store.json_text import json_of
from tests.conftest import START_NS, an_event
from tests.store.importing.exports import EVENTS

NEEDED = (
    *("time_ns", "boot_ns", "boot_id", "host", "pid", "ppid", "uid", "euid", "gid"),
    *("comm", "filename", "argv", "message"),
)


def plainly(line: str) -> Imported | str:
    try:
        return imported_of(load(line))
    except BadEvent as error:
        return str(error)


def parsed(parser: Parser, line: str) -> Imported | str:
    try:
        return parser.parse(line)
    except BadEvent as error:
        return str(error)


def short(event: Event) -> dict[str, Any]:
    values = to_dict(event)
    return {key: values[key] for key in NEEDED}


@given(EVENTS, st.booleans(), st.booleans())
def test_what_execdb_writes(events: list[Event], needed: bool, ascii_only: bool) -> None:
    parser = Parser()
    for event in events * 2:
        values = short(event) if needed else to_dict(event)
        line = (json.dumps(values) if ascii_only else json_of(values)) + "\n"
        assert parsed(parser, line) == plainly(line)


@pytest.mark.parametrize("values", [to_dict(an_event()), short(an_event())])
def test_the_quick_way_is_taken(values: dict[str, Any]) -> None:
    line = json_of(values) + "\n"
    assert Parser()._in_order(line) == plainly(line)


EVENT = an_event(
    23, argv=("a", "b"), cwd="/x", ended="exit", exit_code=3, duration_ns=7, parent_id=5
)
LINE, SHORT = json_of(to_dict(EVENT)), json_of(short(EVENT))
CHANGES = {
    "nothing": ("", ""),
    "a key twice": ('"ppid": 1, ', '"ppid": 1, "ppid": 2, '),
    "a key twice, the second time escaped": ('"uid": 0, ', '"uid": 0, "p\\u0069d": 7, '),
    "a key twice, apart": ('"errno": null, ', '"errno": null, "uid": 7, '),
    "a key twice in a part": ('"euid": 0, ', '"euid": 0, "uid": 7, '),
    "a command behind the place": ('"message"', '"comm": "other", "message"'),
    "no comma": ('"uid": 0, ', '"uid": 0 '),
    "a comma too many": ('"uid": 0, ', '"uid": 0, , '),
    "a key within a text": ('"/x"', '"/x\\", \\"errno\\": 1, "'),
    "a text that is open": ('"/x"', '"/x'),
    "a text that ends in a backslash": ('"/x"', '"/x\\"'),
    "an object within": ('"/x"', '{"a": 1, "cgroup": null}'),
    "an object in argv": ('"b"', '{"cwd": 1}'),
    "an object from part to part": ('"argc": 2', '"argc": {"x": 2'),
    "a list from part to part": ('"b"]', '"b"'),
    "two objects": ('"truncated": false, ', '"truncated": false}, {'),
    "a number with a zero before it": ('"pid": 1023', '"pid": 01023'),
    "a number with a plus": ('"pid": 1023', '"pid": +1023'),
    "a number of other digits": ('"pid": 1023', '"pid": 1\u0660'),
    "a number with an underscore": ('"duration_ns": 7', '"duration_ns": 1_0'),
    "a number with a point": ('"duration_ns": 7', '"duration_ns": 7.0'),
    "a number with an exponent": ('"parent_id": 5', '"parent_id": 5e3'),
    "minus nothing": ('"parent_id": 5', '"parent_id": -0'),
    "a pid of zero": ('"pid": 1023', '"pid": 0'),
    "the greatest pid": ('"pid": 1023', '"pid": 4294967295'),
    "a pid beyond": ('"pid": 1023', '"pid": 4294967296'),
    "the greatest duration": ('"duration_ns": 7', f'"duration_ns": {(1 << 63) - 1}'),
    "a duration beyond": ('"duration_ns": 7', f'"duration_ns": {1 << 63}'),
    "a time beyond": (f'"time_ns": {START_NS + 23_000_000}', f'"time_ns": {1 << 63}'),
    "a raw tab": ('"/x"', '"/\t"'),
    "a raw NUL": ('"/x"', '"/\0"'),
    "an escaped NUL": ('"/x"', '"/\\u0000"'),
    "a time with a tab": ('"time": "', '"time": "\t'),
    "space at the end": ("}", "} \t"),
    "more at the end": ("}", "}}"),
    "a hard space at the end": ("}", "}\xa0"),
    "space within": ('"uid": 0', '"uid":  0'),
    "no space within": ('"comm": ', '"comm":'),
    "the end left out": (', "parent_id": 5', ""),
    "half of the cost left out": (', "max_rss_kb": null', ""),
    "the cost left out": (', "cpu_ns": null, "max_rss_kb": null', ""),
    "a cost": ('"cpu_ns": null, "max_rss_kb": null', '"cpu_ns": 5, "max_rss_kb": 7'),
    "no pid of its own namespace": ('"ns_pid": 1023, ', ""),
    "a pid of its own namespace": ('"ns_pid": 1023, ', '"ns_pid": 3, '),
}


@pytest.mark.parametrize("ours", [LINE, SHORT], ids=["all keys", "those needed"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("end", ["\n", "", "\n\n", "\r\n", "x\n"])
def test_a_line_that_is_nearly_ours(ours: str, change: tuple[str, str], end: str) -> None:
    assert change[0] in LINE
    parser = Parser()
    parser.parse(ours + "\n")
    line = ours.replace(*change) + end
    assert parsed(parser, line) == plainly(line)
    assert parsed(parser, line) == plainly(line)  # now that it has been seen


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "_REMEMBERED_CHARS", 1_009)
    parser = Parser()
    for number in range(2_003):
        line = json_of(to_dict(an_event(number, argv=("x" * (number % 503),), cwd=f"/{number}")))
        assert parser.parse(line) == plainly(line)
        middles = parser.middles
        for parts in (parser.boots, middles, middles.origins, middles.commands, middles.outcomes):
            assert sum(map(len, parts)) <= 1_009
