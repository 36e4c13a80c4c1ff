"""Fills in what the commands of docs/questions.md print: of a made-up history, always the same.

A block of the language `console` begins with `$ ` and a command; what follows is replaced. Of a
pipe, what stands behind the first `|` is run by a shell.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from execdb.cli import main
from tests import story

PAGE = Path(__file__).with_name("questions.md")
WIDTH = 100
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


class _Screen(io.StringIO):
    """A terminal, in so far as it says that it is one."""

    def isatty(self) -> bool:
        return True


def commands_of(page: str) -> list[str]:
    """The commands of all blocks, in order."""
    return [found[1] for block in _BLOCK.finditer(page) for found in _COMMAND.finditer(block[1])]


def with_answers(page: str) -> str:
    """The page with what its commands print today. What a tool that is not here would print stays
    as it is."""
    with told() as database:

        def answered(found: re.Match[str]) -> str:
            return f"$ {found[1]}\n{answer(found[1], database, found[2])[1]}"

        return _BLOCK.sub(lambda block: f"```console\n{_COMMAND.sub(answered, block[1])}```", page)


@contextmanager
def told() -> Iterator[Path]:
    """The history, in a folder that is the current one meanwhile. It is 14:00 (UTC) on its second
    day."""
    folder = tempfile.TemporaryDirectory()
    changes = {"TZ": "UTC", "COLUMNS": str(WIDTH), "LINES": "24", "TERM": "dumb", "NO_COLOR": "1"}
    try:
        with folder as name, chdir(name), mock.patch.dict(os.environ, changes):
            time.tzset()
            database = Path("history.db")
            story.tell(database)
            with mock.patch("time.time_ns", return_value=story.NOW_NS):
                yield database
    finally:
        time.tzset()


def answer(line: str, database: Path, otherwise: str = "") -> tuple[int, str]:
    """The exit code, and what is seen on the terminal: of a pipe whose second part begins with a
    tool that is not here, 0 and `otherwise`."""
    command, _, rest = line.partition(" | ")
    if rest and shutil.which(rest.split()[0]) is None:
        return 0, otherwise
    said, out = _Screen(), io.StringIO() if rest else _Screen()
    with redirect_stderr(said), redirect_stdout(out if rest else said):
        arguments = shlex.split(command, comments=True)[1:]
        code = main.run(["--db", str(database), *arguments])
    if not rest:
        return code, said.getvalue().replace("\r\n", "\n")
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    piped = subprocess.run(
        ["sh", "-c", rest], input=out.getvalue(), capture_output=True, text=True, env=environment
    )
    return code or piped.returncode, piped.stdout + said.getvalue()
