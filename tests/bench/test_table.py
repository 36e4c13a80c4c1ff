"""The table of peers: plain data in, Markdown out."""

from dataclasses import replace

from tests.bench.results import Peer, Row, Storm
from tests.bench.table import BEGIN, COLUMNS, END, insert, limits, spread, table

STORM = Storm(
    execs=1000,
    rate=450.0,
    rate_without=500.0,
    cpu_ns=3_000_000,
    kernel_cpu_ns=None,
    pss_kb=16384,
    peak_kb=122880,
    seen=1000,
    whole=997,
    long=1.0,
    size=90_000,
)


def _cells(peer: Peer) -> dict[str, str]:
    cells = table([peer]).splitlines()[-1].strip("| ").split(" | ")
    return dict(zip(["recorder", *(title for title, _ in COLUMNS)], cells, strict=True))


def test_a_row_shows_medians_with_their_spread() -> None:
    storms = [STORM, replace(STORM, rate=475.0), replace(STORM, rate=400.0)]
    cells = _cells(Peer("execdb", "1.0", storms, [1.01, 1.03]))
    assert cells == {
        "recorder": "execdb 1.0",
        "exec rate / none": "0.90 (0.80-0.95)",
        "build time / none": "1.02 (1.01-1.03)",
        "CPU us/exec": "3.0 (3.0-3.0)",
        "Pss MiB": "16",
        "peak MiB": "120",
        "captured": "100.0 % (100.0-100.0)",
        "whole arguments": "99.7 % (99.7-99.7)",
        "40 arguments whole": "100 % (100-100)",
        "disk bytes/exec": "90 (90-90)",
    }


def test_a_failure_shows_its_reason_and_no_figure() -> None:
    cells = table([Peer("auditd", failure="auditctl: no | luck\n")]).splitlines()[-1]
    assert "failed: auditctl: no / luck" in cells
    assert "0" not in cells


def test_a_failure_after_some_rounds_is_said_too() -> None:
    name = _cells(Peer("auditd", storms=[STORM], failure="it ended"))["recorder"]
    assert name == "auditd (failed after 1 storms and 0 builds: it ended)"


def test_time_of_a_kernel_thread_is_told_apart() -> None:
    assert _cells(Peer("auditd", storms=[replace(STORM, kernel_cpu_ns=5_000_000)]))[
        "CPU us/exec"
    ] == ("3.0 + 5.0 kernel")


def test_without_a_process_there_is_no_cpu_and_no_memory() -> None:
    cells = _cells(Peer("acct", storms=[replace(STORM, cpu_ns=None)]))
    assert (cells["CPU us/exec"], cells["Pss MiB"], cells["peak MiB"]) == ("-", "-", "-")


def test_captured_nothing_is_zero_and_has_no_bytes_per_exec() -> None:
    cells = _cells(Peer("blind", storms=[replace(STORM, seen=0, whole=0)]))
    assert (cells["captured"], cells["disk bytes/exec"]) == ("0.0 %", "-")


def test_spread_of_nothing_and_of_one() -> None:
    assert (spread([]), spread([2.0], 1, " %")) == ("-", "2.0 %")


def test_a_missed_limit_is_said() -> None:
    rows = [Row("lost", "0", "23", False), Row("start", "<= 1.5 s", "0.9 s", True)]
    lines = [line.split("  ") for line in limits(rows).splitlines()]
    assert [[word.strip() for word in line if word.strip()] for line in lines] == [
        ["what", "hold", "measured"],
        ["lost", "0", "MISSED", "23"],
        ["start", "<= 1.5 s", "ok", "0.9 s"],
    ]


def test_insert_replaces_only_what_stands_between_the_markers() -> None:
    page = insert("# Performance\n\nBefore.\n", "one")
    assert page == f"# Performance\n\nBefore.\n\n{BEGIN}\n\none\n\n{END}\n"
    assert insert(page + "After.\n", "two") == page.replace("one", "two") + "After.\n"
