"""One exec, two execs, no entries."""

from execdb.cli.output.counted import counted


def test_one_is_singular_and_the_others_are_not() -> None:
    assert [counted(number, "exec") for number in (0, 1, 2)] == ["0 execs", "1 exec", "2 execs"]
    assert [counted(n, "entry", "entries") for n in (0, 1, 2)] == [
        "0 entries",
        "1 entry",
        "2 entries",
    ]
