"""CSV that a spreadsheet opens and runs nothing of; numbers stay numbers."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.cli.show.cells import cell, json_cell
from execdb.cli.show.formats import renderer
from execdb.store.event import text_of
from execdb.store.fields import to_dict
from tests.conftest import an_event

FORMULAS = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1"),
    *("\uff1d1", "\uff0b1", "\uff0d1", "\uff201"),  # full width
)
RUNS = re.compile("[\\s\"']*[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
TEXT = st.text(st.sampled_from("=+-@;\t\r\n \"'a0\\\uff1d\u200b\udcff")) | st.binary().map(text_of)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_not_run(text: str) -> None:
    event = an_event(
        comm=text, filename=text, message=text, argv=(text, f"x;{text}"), cwd=text, host=text,
        cgroup=text, tty=text, caller=text, errno=text, boot_id=text,
    )  # fmt: skip
    shown = "".join(renderer("csv")([event]))
    for delimiter in (",", ";"):
        for row in csv.reader(io.StringIO(shown), delimiter=delimiter):
            for value in row:
                number = re.fullmatch(r"-?\d+", value)
                assert number or value[:1] == "'" or not RUNS.match(value), (delimiter, value)


@given(TEXT)
def test_no_cell_begins_a_formula(text: str) -> None:
    for part in cell(text).split(";"):
        assert part.startswith("'") or not RUNS.match(part)
    assert cell(text).isprintable()


@given(st.lists(TEXT).map(tuple))
def test_arguments_read_back_exactly(argv: tuple[str, ...]) -> None:
    shown = json_cell(argv)
    assert tuple(json.loads(shown)) == argv
    assert shown.isprintable()
    assert not any(map(RUNS.match, shown.split(";")))


def test_what_is_hidden_beyond_the_basic_plane_is_json_too() -> None:
    assert json.loads(json_cell(("\U000e0041\U000e0100",))) == ["\U000e0041\U000e0100"]
    assert json_cell(("\U000e0041",)) == '["\\udb40\\udc41"]'


def test_numbers_stay_numbers() -> None:
    event = an_event(id=-23, parent_id=-29, exit_code=0)
    (row,) = csv.DictReader(io.StringIO("".join(renderer("csv")([event]))))
    assert (row["id"], row["parent_id"], row["exit_code"]) == ("-23", "-29", "0")
    for key, value in to_dict(event).items():
        if isinstance(value, int) and not isinstance(value, bool):
            assert row[key] == str(value)


@pytest.mark.parametrize("text", ["", "plain", "a=b", "a-b", "1;2", "it's", "/usr/bin/[", "x; y"])
def test_other_text_is_as_it_was(text: str) -> None:
    assert cell(text) == text
