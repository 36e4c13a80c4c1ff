"""The tables: plain data in, Markdown out."""

from dataclasses import replace

import pytest

from tests.bench.peers.rounds import children_s
from tests.bench.results import Alone, Answer, Built, Peer, Row, Storm, Storms, noise
from tests.bench.table import answers, half, insert, limits, peers, spread, without

STORM = Storm(
    execs=1000,
    rate=450.0,
    rate_without=500.0,
    load_us=110.0,
    load_us_without=100.0,
    cpu_ns=3_000_000,
    kernel_cpu_ns=None,
    pss_kb=16384,
    peak_kb=122880,
    seen=1000,
    whole=997,
    long=1.0,
    size=90_000,
)


def _storms(*found: Peer) -> list[dict[str, str]]:
    """The table of storms, below the row of none, by title."""
    titles, _, _, *lines = _read(peers(found, []).partition("\n\n")[0])
    return [dict(zip(titles, line, strict=True)) for line in lines]


def _equal(*rounds: Storm) -> dict[str, str]:
    """The row of a recorder with these storms of equal command lines."""
    return _storms(Peer("one", equal=Storms(list(rounds))))[0]


def test_a_row_shows_medians_with_their_spread() -> None:
    rounds = [STORM, replace(STORM, rate=475.0, cpu_ns=4_000_000), replace(STORM, rate=400.0)]
    new = Storms([replace(STORM, cpu_ns=9_000_000, seen=750, whole=500, rate=350.0)])
    equal, unlike = _storms(Peer("execdb", "1.0", Storms(rounds, bpf_us=2.34), new))
    assert equal == {
        "storm": "execdb 1.0",
        "command lines": "equal",
        "exec rate / none": "0.90 [0.85-0.93]",
        "storm's CPU / none": "1.10",
        "CPU us/exec": "3.0 (3.0-4.0)",
        "CPU / execdb's": "1.0",
        "BPF us/exec": "2.3",
        "Pss MiB": "16",
        "peak MiB": "120",
        "captured": "100.0 %",
        "whole arguments": "99.7 %",
        "40 arguments whole": "100 %",
        "disk bytes/exec": "90",
    }
    assert unlike == equal | {
        "command lines": "all new",
        "exec rate / none": "0.70",
        "CPU us/exec": "9.0",
        "BPF us/exec": "-",
        "captured": "75.0 %",
        "whole arguments": "50.0 %",
        "disk bytes/exec": "120",
    }


def test_cpu_is_set_against_that_of_execdb_round_by_round_and_kind_by_kind() -> None:
    def storms(*cpu_us: int) -> Storms:
        return Storms([replace(STORM, cpu_ns=1000_000 * us) for us in cpu_us])

    execdb = Peer("execdb", equal=storms(2, 4, 5), new=storms(10, 10, 10))
    attempts = Peer("execdb --attempts", equal=storms(3, 3, 3), new=storms(9, 9, 9))
    other = Peer("other", equal=storms(20, 20, 40), new=storms(20, 20, 30))
    rows = _storms(attempts, other, execdb)
    assert [row["CPU / execdb's"] for row in rows[2:4]] == ["8.0 [6.5-9.0]", "2.0 [2.0-2.5]"]
    assert [row["CPU / execdb's"] for row in _storms(other)] == ["-", "-"]  # it was left out


def test_time_of_a_kernel_thread_is_told_apart() -> None:
    audit = [replace(STORM, cpu_ns=24_000_000, kernel_cpu_ns=6_000_000)]
    row = _storms(Peer("auditd", equal=Storms(audit)), Peer("execdb", equal=Storms([STORM])))[0]
    assert row["CPU us/exec"] == "24.0 + 6.0 kernel"
    assert row["CPU / execdb's"] == "8.0 + 2.0 kernel"


def test_none_is_shown_with_what_the_machine_makes_of_it() -> None:
    text = peers([Peer("one", equal=Storms([STORM]))], [0.9, 1.0, 1.3, 1.1])
    assert _read(text)[2][:5] == ["none", "", "1.05 [0.97-1.15]", "1", "-"]


def test_noise_is_each_storm_without_a_recorder_over_its_two_neighbours() -> None:
    storms = [Alone(rate, 100.0) for rate in (100, 110, 120, 60)]
    assert noise(storms) == pytest.approx([1.0, 120 / 85])
    assert noise(storms[:2]) == []


def test_storms_without_a_recorder_tell_how_quiet_it_was() -> None:
    storms = [Alone(1000.0, 100.0, others) for others in (0.04, 0.02, 0.5)]
    text = without([*storms, Alone(400.0, 100.0, 0.04)]).replace("\n", " ")
    assert "ran at 1000 execs/s (400-1000), while others" in text
    assert "took 4 % (2-50) of the machine's CPU time" in text


def test_builds_have_a_table_of_their_own() -> None:
    pairs = [
        (Built(10.1, 20.0, 4096), Built(10.0, 20.0)),
        (Built(10.3, 22.0, 8192), Built(10.0, 20.0)),
    ]
    found = [Peer("execdb", "1.0", builds=pairs), Peer("auditd", failure="no")]
    assert _read(peers(found, []).split("\n\n")[1]) == [
        ["build", "time / none", "CPU / none", "on disk KiB"],
        ["-" * 10, "-" * 19, "-" * 19, "-" * 11],
        ["none", "1", "1", "-"],
        ["execdb 1.0", "1.020 (1.010-1.030)", "1.050 (1.000-1.100)", "6"],
        ["auditd", "failed", "", ""],
    ]
    assert "build" not in peers([Peer("execdb", equal=Storms([STORM]))], [])


def test_a_failure_shows_its_reason_and_no_figure() -> None:
    text = peers([Peer("auditd", failure="auditctl: no | luck\n")], [])
    rows = _storms(Peer("auditd", failure="auditctl: no | luck\n"))
    assert [list(filter(None, row.values())) for row in rows] == [
        ["auditd", "equal", "failed"],
        ["auditd", "all new", "failed"],
    ]
    why = "- **auditd failed** after 0 and 0 storms, 0 builds: auditctl: no / luck"
    assert text.splitlines()[-1] == why


def test_a_failure_after_some_rounds_is_said_too() -> None:
    one = Peer("auditd", equal=Storms([STORM]), failure="it ended")
    equal, new = _storms(one)
    assert (equal["CPU us/exec"], new["exec rate / none"]) == ("3.0", "failed")
    assert "- **auditd failed** after 1 and 0 storms, 0 builds: it ended" in peers([one], [])


def test_without_a_process_there_is_no_cpu_and_no_memory() -> None:
    cells = _equal(replace(STORM, cpu_ns=None))
    titles = ("CPU us/exec", "CPU / execdb's", "Pss MiB", "peak MiB")
    assert [cells[title] for title in titles] == ["-"] * 4


def test_captured_nothing_is_zero_and_has_no_bytes_per_exec() -> None:
    cells = _equal(replace(STORM, seen=0, whole=0))
    assert (cells["captured"], cells["disk bytes/exec"]) == ("0.0 %", "-")


def test_spread_of_nothing_and_of_one_and_of_equal_ones() -> None:
    assert (spread([]), spread([2.0], 1, " %"), spread([2.01, 2.02], 1)) == ("-", "2.0 %", "2.0")
    assert spread([3.0, 2.0, 9.0], 0, " s") == "3 s (2-9)"


def test_half_leaves_out_what_is_far_off() -> None:
    assert (half([]), half([0.9])) == ("-", "0.90")
    assert half([0.9, 0.1, 0.92, 0.88, 7.0], 2) == "0.90 [0.88-0.92]"


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
