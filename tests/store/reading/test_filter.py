"""The filter"""

import signal

import pytest

from execdb.store.event import REPLACED, End
from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.terms.term import Glob, Term
from tests.conftest import an_exec, counts, recorded
from tests.store.reading.histories import matching

OUTCOMES = {  # a status as wait(2) has it, or None: there is no end
    11: 0,
    13: 3 << 8,
    17: 255 << 8,
    19: signal.SIGKILL,
    23: signal.SIGSEGV | 0x80,  # with a core
    29: REPLACED,
    31: None,
}


def test_what_did_well_and_what_did_not(database: Database) -> None:
    """Images that run, or that another exec replaced, are neither."""
    execs = [an_exec(n, pid=pid) for n, pid in enumerate(OUTCOMES)]
    attempt = an_exec(len(execs), pid=37, errno="ENOENT")
    ends = [
        End(e.boot_ns + 1, (e.boot_ns, e.pid), status)
        for e in execs
        if (status := OUTCOMES[e.pid]) is not None
    ]
    recorded(database, [*execs, attempt]).write([], ends, counts(len(execs) + 1))
    assert matching(database, failed=True) == [13, 17, 19, 23, 37]
    assert matching(database, failed=False) == [11]
    assert matching(database, running=True) == [31]
    assert matching(database, failed=True, pid=19) == [19]
    assert matching(database) == [*OUTCOMES, 37]


def test_a_pattern_takes_each_byte_for_itself(small: Database) -> None:
    assert matching(small, path="/tmp/\udcfe*") == []


@pytest.mark.parametrize(
    ("argv", "text", "found"),
    [
        (("one", "two"), "onetwo", False),
        (("one", "two"), "one two", False),
        (("one", "two"), '", "', False),
        (("one", "two"), '["one', False),
        (("a\nb",), "\\n", False),
        (("a\nb",), "\n", True),
        (("a\nb",), "nb", False),
        (("a\\nb",), "\\nb", True),
        (("\udcff",), "udcff", False),
        (("\udcff",), "\udcff", True),
        (("\x1b[31m",), "001b", False),
        (("\x1b[31m",), "\x1b[31", True),
        (("\x7f",), "007f", False),
        (("tab\there",), "tab\there", True),
        (('say "hi"',), '"hi"', True),
        (("100%",), "0%", True),
        (("x_y",), "xay", False),
        (("🦀",), "🦀", True),
        (("Case",), "case", False),
        ((), "", False),
        (("",), "", True),
    ],
)
def test_text_is_found_within_one_argument(
    database: Database, argv: tuple[str, ...], text: str, found: bool
) -> None:
    recorded(database, [an_exec(pid=23, argv=argv)])
    assert matching(database, arg=text) == ([23] if found else [])


@pytest.mark.parametrize(
    ("argument", "pattern", "found"),
    [
        ("a\nb", "*nb", False),
        ("a\nb", "*\nb", True),
        ("a\nb", "?*\\\nb", True),
        ('say "hi"', '*"hi"', True),
        ('say "hi"', "*hi", False),
        ("x\\", "*\\\\", True),
        ("x\\", "x*", True),
        ("🦀", "*🦀", True),
        ("\udcff", "*\udcff", True),
        ("ends here", "*he?e", True),
        ("ends here", "*ends", False),
    ],
)
def test_an_end_is_that_of_the_text(
    database: Database, argument: str, pattern: str, found: bool
) -> None:
    recorded(database, [an_exec(argv=("x", argument, "x"))])
    wanted = Filter((Term("argv", (Glob(pattern),)),))
    assert History(database).count(wanted) == int(found)
