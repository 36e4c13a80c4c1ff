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


def test_limits_are_for_equal_lines() -> None:
    execdb = Peer("execdb", equal=_storms(5, 5, 9), new=_storms(20, 24, 30))
    burner = Peer("burner", equal=_storms(5, 5, 9), new=_storms(20, 24, 30))
    bpftrace = Peer("bpftrace", equal=_storms(25, 35, 25), new=_storms(30, 36, 40))
    rows = _rows(Session(execdb, burner, bpftrace, ALONE, [0.9]))
    assert rows["equal"] == [
        Row("collector CPU per exec, equal command lines", "", "5.0 us (5.0-9.0)", None),
        Row(
            "the same over bpftrace execsnoop.bt",
            "<= 0.2",
            "0.20 [0.17-0.28] (bpftrace 25.0 us (25.0-35.0))",
            True,
        ),
        Row(
            "exec rate with recording over beside a burner, equal command lines",
            ">= 0.97",
            "1.00",
            True,
        ),
        Row("the same over without", "", "0.95", None),
        Row("bpftrace execsnoop.bt over without", "", "0.95", None),
    ]
    assert [row.held for row in rows["new"]] == [None] * 6
    assert rows["new"][-1].measured == "1.00 [0.95-1.05]"


def test_what_is_over_its_limit_is_missed() -> None:
    slow = replace(STORM, cpu_ns=9_000_000, rate=910.0)
    execdb = Peer("execdb", equal=Storms([slow]), new=_storms(26))
    burner = Peer("burner", equal=_storms(9), new=_storms(26))
    bpftrace = Peer("bpftrace", equal=_storms(30), new=_storms(10))
    rows = _rows(Session(execdb, burner, bpftrace, ALONE, [0.9]))
    assert [row.held for row in rows["equal"]] == [None, False, False, None, None]
    assert [row.held for row in rows["new"]] == [None] * 6


def test_without_bpftrace_there_is_no_verdict_on_it() -> None:
    execdb = Peer("execdb", equal=_storms(7), new=_storms(26))
    burner = Peer("burner", equal=_storms(7), new=_storms(26))
    bpftrace = Peer("bpftrace", equal=Storms([]), new=Storms([]), failure="it is not there")
    rows = _rows(Session(execdb, burner, bpftrace, ALONE, [0.9]))
    assert rows["equal"][1].measured == "not measured: it is not there"
    assert rows["equal"][1].held is None
    assert [len(kind) for kind in rows.values()] == [4, 5]


def test_the_share_of_a_cpu() -> None:
    assert replace(STORM, cpu_ns=10_000_000, rate=20_000.0).cpu_share == 0.2
