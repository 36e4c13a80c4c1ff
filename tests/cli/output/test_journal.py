"""Lines for the journal: a pipe stands for its socket, whose device and inode count."""

import os
import subprocess
import sys

import pytest

from execdb.cli.output.journal import is_journal, with_priority


@pytest.mark.parametrize(
    ("line", "priority"),
    [
        ("execdb: the disk is full", "<3>"),
        ("warning: 3 ends were lost", "<4>"),
        ("recording to /var/lib/execdb/execdb.db", "<6>"),
        ("<0>everybody look here", "<6>"),
    ],
)
def test_every_line_gets_a_priority(line: str, priority: str) -> None:
    assert with_priority(line) == priority + line


def test_only_the_stream_that_is_named_is_the_journal() -> None:
    reading, writing = os.pipe()
    status = os.fstat(writing)
    named = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    assert is_journal(writing, named)
    assert not is_journal(2, named)
    assert not is_journal(writing, {})
    os.close(reading)
    os.close(writing)
    assert not is_journal(writing, named)


def test_a_command_says_what_went_wrong_with_its_priority() -> None:
    code = (
        "import os, sys; s = os.fstat(2); os.environ['JOURNAL_STREAM'] = f'{s.st_dev}:{s.st_ino}';"
        "from execdb.cli.main import run; run(['query', '--frobnicate'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.startswith("<3>execdb: ")
