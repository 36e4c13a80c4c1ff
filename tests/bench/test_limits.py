"""The verdicts on storms: plain data in, rows out."""

from dataclasses import replace

from tests.bench.limits import Session, storm_rows
from tests.bench.results import Alone, Peer, Row, Storm, Storms

STORM = Storm(
    execs=1000,
    rate=950.0,
    rate_without=1000.0,
    cpu_ns=7_000_000,
    kernel_cpu_ns=None,
    pss_kb=0,
    peak_kb=0,
)
ALONE = [Alone(rate, 100.0) for rate in (100, 90, 100, 110, 100)]


def _storms(*cpu_us: int) -> Storms:
    return Storms([replace(STORM, cpu_ns=1_000_000 * us) for us in cpu_us])


def _rows(session: Session) -> dict[str, list[Row]]:
    """By kind: cost, cost beside bpftrace, exec rate, and what comes after it."""
    rows = list(storm_rows(session))
    new = next(n for n, row in enumerate(rows) if row.what.endswith("every command line new"))
    return {"equal": rows[:new], "new": rows[new:]}


def test_equal_lines_have_the_limits_and_new_ones_a_rate() -> None:
    execdb = Peer("execdb", equal=_storms(7, 7, 9), new=_storms(20, 24, 30))
    bpftrace = Peer("bpftrace", equal=_storms(28, 35, 28), new=_storms(30, 36, 40))
    rows = _rows(Session(execdb, bpftrace, ALONE, [0.9]))
    assert rows["equal"] == [
        Row("collector CPU per exec, equal command lines", "<= 8 us", "7.0 us (7.0-9.0)", True),
        Row(
            "the same over bpftrace execsnoop.bt",
            "<= 0.25",
            "0.25 [0.23-0.29] (bpftrace 28.0 us (28.0-35.0))",
            True,
        ),
        Row("exec rate with recording over without, equal command lines", ">= 0.92", "0.95", True),
        Row("the same, bpftrace execsnoop.bt", "", "0.95", None),
    ]
    assert rows["new"] == [
        Row(
            "collector CPU per exec, every command line new",
            ">= 40,000 execs/s of it",
            "24.0 us (20.0-30.0): 41,667 execs/s of it",
            True,
        ),
        Row(
            "the same over bpftrace execsnoop.bt",
            "",
            "0.67 [0.67-0.71] (bpftrace 36.0 us (30.0-40.0))",
            None,
        ),
        Row("exec rate with recording over without, every command line new", "", "0.95", None),
        Row("the same, bpftrace execsnoop.bt", "", "0.95", None),
        Row("exec rate without over without", "", "1.00 [0.95-1.05]", None),
    ]


def test_what_is_over_its_limit_is_missed() -> None:
    slow = replace(STORM, cpu_ns=9_000_000, rate=910.0)
    execdb = Peer("execdb", equal=Storms([slow]), new=_storms(26))
    bpftrace = Peer("bpftrace", equal=_storms(30), new=_storms(10))
    rows = _rows(Session(execdb, bpftrace, ALONE, [0.9]))
    assert [row.held for row in rows["equal"]] == [False, False, False, None]
    assert [row.held for row in rows["new"]] == [False, None, None, None, None]


def test_without_bpftrace_there_is_no_verdict_on_it() -> None:
    execdb = Peer("execdb", equal=_storms(7), new=_storms(26))
    bpftrace = Peer("bpftrace", equal=Storms([]), new=Storms([]), failure="it is not there")
    rows = _rows(Session(execdb, bpftrace, ALONE, [0.9]))
    assert rows["equal"][1].measured == "not measured: it is not there"
    assert rows["equal"][1].held is None
    assert [len(kind) for kind in rows.values()] == [3, 4]
