"""Terms on the command line: which events they choose, and how mistakes are answered."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["comm=true"], 23),
        (["comm=true,false", "uid=root"], 23),
        (["comm!=true"], 0),
        (["argv=22"], 1),
        (["command~=run 2[0-2]$"], 3),
        (["pid=1000..1004", "pid=1007"], 6),
        (["exit_code=null", "signal=null"], 23),
        (["id=..5"], 5),
        (["argv=1*", "--arg", "2"], 15),
        (["--arg", "21", "--arg", "22"], 2),
        (["--pid", "1000", "--pid", "1004", "pid=1007"], 3),
        (["--comm", "false", "--comm", "t*"], 23),
        (["--host", "nowhere"], 0),
        (["--uid", "0", "argv=22"], 1),
    ],
)
def test_terms_choose_events(run: Run, filled: Path, arguments: list[str], count: int) -> None:
    assert run("query", "--count", *arguments).out == f"{count}\n"
    assert len(run("replay", "--speed", 0, *arguments).out.splitlines()) == count


def test_a_name_that_is_longer_than_the_kernel_keeps_is_noted(run: Run, filled: Path) -> None:
    for asked in (["comm=systemd-networkd"], ["--comm", "systemd-networkd"]):
        code, out, err = run("query", "--count", *asked)
        assert (code, out) == (0, "0\n")
        assert "systemd-networkd is recorded as systemd-network\n" in err
    assert "recorded as" not in run("query", "--count", "comm=systemd-network,x*").err


@pytest.mark.parametrize(
    ("term", "sentence"),
    [
        ("com=gcc", "there is no field com: did you mean comm?"),
        ("user=root", "there is no field user: give uid"),
        ("took=5s..", "there is no field took: give duration_ns"),
        ("gcc", "'gcc' is no term: give FIELD=VALUE, as comm=gcc"),
        ("exit_code=one", "character 11: 'one' is not an exit code, 0 to 255"),
        ("command~=(", "character 10: missing ), unterminated subpattern"),
        ("uid=nobody-of-that-name", "there is no user"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    run: Run, filled: Path, term: str, sentence: str
) -> None:
    code, out, err = run("query", term)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
