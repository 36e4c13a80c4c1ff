"""Bars that say how far a command is, where somebody sees them."""

import sys

import pytest

from execdb.cli.output import progress


def test_without_a_terminal_the_items_pass_untouched(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = list(range(23))
    assert list(progress.shown(numbers, "counting")) == numbers
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_bar_shows_what_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert list(progress.shown(range(23), "counting", 23, every=1)) == list(range(23))
    assert capsys.readouterr() == ("", "")  # it was over at once
    assert list(progress.shown(range(23), "counting", 23, every=1, after_s=0)) == list(range(23))
    out, err = capsys.readouterr()
    assert out == ""
    assert "counting" in err
