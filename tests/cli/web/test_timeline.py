"""The time line as shapes: everything in its place, and said in words."""

import re
from itertools import pairwise

import pytest

from execdb.cli.web.shapes import flags
from execdb.cli.web.shapes.timeline import HEIGHT, INTERVALS_MAX, edges_of, lay_out
from execdb.store.browsing.happenings import Filtered, Happening
from execdb.store.browsing.survey import Interval, Survey
from execdb.store.ledger.coverage import Kind, Period, Why
from tests.conftest import START_NS

SECOND_NS = 10**9


@pytest.mark.parametrize(
    "span_ns", [1, 997, 10**6, SECOND_NS, 61 * SECOND_NS, 10**13, 10**16, 10**18, 2**62]
)
def test_edges_are_few_in_order_and_keep_both_ends(span_ns: int) -> None:
    edges = edges_of(START_NS, START_NS + span_ns)
    assert (edges[0], edges[-1]) == (START_NS, START_NS + span_ns)
    assert all(first < second for first, second in pairwise(edges))
    assert 1 <= len(edges) - 1 <= INTERVALS_MAX


def test_bars_gaps_and_what_was_filtered() -> None:
    intervals = [Interval(at, at + 100, execs, failed) for at, execs, failed in
                 ((0, 10, 5), (100, 0, 0), (200, 1, 1))]  # fmt: skip
    gaps = [
        Period(Kind.BLIND, 90, 210, Why.CRASH),
        Period(Kind.LOSSY, 250, 251, run_id=1, lost=(("ring full", 3),)),
    ]
    filtered = [Filtered(0, 10, 7, "rule 2"), Filtered(290, 300, 4, "rule 2")]
    found = lay_out(Survey(intervals), gaps, filtered, lambda a, b: f"/{a}-{b}")
    assert [(bar.x, bar.width) for bar in found.bars] == [(0, 400), (400, 400), (800, 400)]
    assert [bar.height for bar in found.bars] == [HEIGHT, 0, HEIGHT / 10]
    assert [bar.failed for bar in found.bars] == [HEIGHT / 2, 0, HEIGHT / 10]
    assert found.bars[2].address == "/200-300"
    assert "1 exec, 1 failed" in found.bars[2].title
    assert [(each.kind, each.x) for each in found.stretches] == [
        ("blind", 360), ("lossy", 1000), ("filtered", 0), ("filtered", 1160),
    ]  # fmt: skip
    said = dict(found.legend)
    assert "the collector had crashed" in said["blind"]
    assert "3 execs were lost" in said["lossy"]
    assert said["filtered"] == "11 execs were filtered by rule 2"


def test_estimates_are_marked() -> None:
    counted = Survey([Interval(0, 100, 7, 3)], execs_exact=False, failed_exact=False, since_ns=50)
    (bar,) = lay_out(counted, [], [], lambda a, b: "").bars
    assert "about 7 execs, about 3 failed" in bar.title


def test_a_flag_is_text_in_its_place() -> None:
    found = [Happening("mark", 50, "deploy\x1b[2J <b>")]
    (placed,) = flags.lay_out(found, 0, 100)
    assert (placed.x, placed.text) == (600, "deploy\\x1b[2J <b>")
    assert re.match(r"\d{4}-", placed.time)
