"""The user's pager, on a real terminal."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Execdb
from tests.cli.terminal import on_terminal

PAGED = ("query", "tree", "stats --by argv", "timeline", "new --since @0", "sql SELECT(1)")


@pytest.mark.parametrize("command", PAGED)
def test_an_answer_goes_through_the_pager_that_the_user_has_set(
    filled: Path, tmp_path: Path, command: str
) -> None:
    copy = tmp_path / "paged"
    with on_terminal(*command.split(), PAGER=f"tee {copy}") as terminal:
        text, code = terminal.end()
    assert code == 0
    paged = copy.read_text()
    if command in ("query", "tree"):
        assert paged.count("run") >= 23
        assert ("\x1b[" in paged) is (command == "query")  # coloured as on the terminal
    assert paged.splitlines()[-1] in text


def test_a_pager_that_ends_early_ends_the_answer(filled: Path) -> None:
    with on_terminal("query", PAGER="head -n 1") as terminal:
        text, code = terminal.end()
    assert code == 0
    assert text.count("\n") == 1
    assert "Traceback" not in text


def test_a_pager_that_is_not_there_is_an_error(filled: Path) -> None:
    with on_terminal("query", PAGER="no-such-pager") as terminal:
        text, code = terminal.end()
    assert code == 1
    assert "execdb: PAGER is 'no-such-pager', which cannot be run: unset it" in text


def test_into_a_pipe_nothing_is_paged(filled: Path, execdb: Execdb) -> None:
    done = execdb("query", "--count", env={**os.environ, "PAGER": "false"})
    assert (done.stdout, done.returncode) == ("23\n", 0)
