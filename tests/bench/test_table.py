"""The table of peers: plain data in, Markdown out."""

from dataclasses import replace

from tests.bench.results import Answer, Built, Peer, Row, Storm
from tests.bench.rounds import children_s
from tests.bench.table import COLUMNS, answers, insert, limits, spread, table

STORM = Storm(
    execs=1000,
    rate=450.0,
    rate_without=500.0,
    load_cpu_ns=1.1e9,
    load_cpu_ns_without=1e9,
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
    builds = [
        (Built(10.1, 20.0, 4096), Built(10.0, 20.0)),
        (Built(10.3, 22.0, 8192), Built(10.0, 20.0)),
    ]
    cells = _cells(Peer("execdb", "1.0", storms, builds, bpf_us=2.34))
    assert cells == {
        "recorder": "execdb 1.0",
        "exec rate / none": "0.90 (0.80-0.95)",
        "storm's CPU / none": "1.10 (1.10-1.10)",
        "build time / none": "1.020 (1.010-1.030)",
        "build's CPU / none": "1.050 (1.000-1.100)",
        "CPU us/exec": "3.0 (3.0-3.0)",
        "BPF us/exec": "2.3",
        "Pss MiB": "16",
        "peak MiB": "120",
        "captured": "100.0 % (100.0-100.0)",
        "whole arguments": "99.7 % (99.7-99.7)",
        "40 arguments whole": "100 % (100-100)",
        "disk bytes/exec": "90 (90-90)",
        "build on disk KiB": "6",
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


def _read(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_missed_limit_is_said() -> None:
    rows = [Row("lost", "0", "23", False), Row("start", "<= 1 s", "0.9 s", True)]
    rows.append(Row("peer", "", "7 us", None))
    title, rule, *lines = _read(limits(rows))
    assert title == ["what", "limit", "", "measured"]
    assert all(len(cell) >= 3 and set(cell) == {"-"} for cell in rule)  # GitHub asks for three
    assert lines == [
        ["lost", "0", "**missed**", "23"],
        ["start", "<= 1 s", "ok", "0.9 s"],
        ["peer", "", "", "7 us"],
    ]
    assert len({len(line) for line in limits(rows).splitlines()}) == 1


def test_a_question_that_others_cannot_answer_has_no_figure_of_theirs() -> None:
    answer = Answer("--arg x", 1_009, [3.0, 5.0, 4.0], [101.0, 103.0, 102.0], 2_003.4, None)
    assert answer.work_ms == 4
    assert _read(answers([answer]))[-1] == [
        "`--arg x`", "1,009", "4 ms (3-5)", "102 ms (101-103)", "2,003 ms", "-"
    ]  # fmt: skip


def test_insert_replaces_only_what_stands_between_the_markers_of_its_name() -> None:
    begin, end = "<!-- one: begin -->", "<!-- one: end -->"
    page = insert("# Performance\n\nBefore.\n", "one", "1")
    assert page == f"# Performance\n\nBefore.\n\n{begin}\n\n1\n\n{end}\n"
    both = insert(page, "two", "2") + "After.\n"
    assert both.startswith(page)
    assert insert(both, "one", "3") == both.replace("1", "3")


def test_the_time_of_children_is_read_from_what_times_prints() -> None:
    assert children_s(["0m0.01s 0m0.02s", "1m2.50s 0m3.25s"]) == 65.75
