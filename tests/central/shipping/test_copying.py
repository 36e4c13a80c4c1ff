"""Rows as lines of COPY."""

from types import SimpleNamespace
from typing import Any

import pytest

from execdb.store.central.shipping.copying import Copier, stamp
from execdb.store.json_text import json_of, json_of_texts
from execdb.store.segments.segment import Segment

SECOND_NS = 10**9
TIMES_NS = [
    0,
    1,
    999,
    59 * SECOND_NS + 999_999_999,
    60 * SECOND_NS,
    86_399 * SECOND_NS + 7_001,
    86_400 * SECOND_NS,
    1_709_164_799 * SECOND_NS + 123_456_789,  # before and on a leap day
    1_709_164_800 * SECOND_NS,
    -1,
    -86_401 * SECOND_NS,
    (1 << 63) - 1,
    -(1 << 63),
]


def test_times_are_those_of_the_rows() -> None:
    cache: Any = SimpleNamespace(
        origins={1: ((), ())}, commands={2: ("true", "/bin/true", ("true",))}
    )
    rows = [
        (id_, time_ns, 7, 1, 0, 1, 0, 2, None, 0, 1, None, None, None, 1, 1)
        for id_, time_ns in enumerate(TIMES_NS, 1)
    ]
    segment = Segment(1, len(rows), 1, 0, 0, 0, 1, 2)
    found = Copier(cache, None).lines(1, segment, rows)
    for time_ns, line in zip(TIMES_NS, found, strict=True):
        (text, nanos), (now, now_nanos) = line.text.split("\t")[2:4], stamp(time_ns).split("\t")
        assert (text, int(nanos)) == (now, int(now_nanos))
        assert line.day == max(0, time_ns // (86_400 * SECOND_NS))
    alone = [Copier(cache, None).lines(1, segment, [row])[0] for row in rows]
    assert alone == found


@pytest.mark.parametrize(
    "texts",
    [(), ("",), ("a", 'b"c', "d\\e"), ("\t\n\r\0\x1f", "\x7f\x85"), ("caf\u00e9", "\u202e\udcff")],
    ids=repr,
)
def test_arguments_are_the_same_json(texts: tuple[str, ...]) -> None:
    assert json_of_texts(texts) == json_of(list(texts))
