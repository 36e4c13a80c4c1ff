"""Terms asked of the file give what they give for the values of each event."""

import shlex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.event import REPLACED, End, Event, Exec, Place
from execdb.store.fields import to_dict
from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.segments import segment
from execdb.store.terms.match import matcher
from execdb.store.terms.term import Found, Glob, Range, Term, Value
from tests.conftest import START_NS, an_exec, counts, recorded, some_creds
from tests.store.terms.test_parse import READER

TEXTS = ("sh", "gcc", "a*b", "a[1]?", "x\\y", "", "bad\udcff", "two\nlines", '"q"', "e\u0301\u202e")
WILD = ("*", "?", "*b", "a[*", "a\\*b", "*\\\\*", "?c?", "*\udcff", "tw*s", "b*", "*\u202e")
EXPRESSIONS = (
    *("^a", "c$", r"\\", "\udcff$", "o.l", "(?i)GCC", "^$", "[0-9]"),
    *("gcc", "bad", "lines", "gcc.*lines", r"two\slin", "gccx?", "nowhere"),
)
STATUSES = (0, 1 << 8, 9, 139, REPLACED)


class Stored:
    """A history and all that it holds. No data class: hypothesis would print all of it."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.events = list(history.events(Filter()))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Every text in every field, every way to end, in several segments."""
    from execdb.store.file.database import open_database

    database = open_database(tmp_path_factory.mktemp("terms") / "execdb.db", create=True)
    execs = [_an_exec(n) for n in range(211)]
    recording = recorded(database, execs)
    ends = [
        End(e.boot_ns + 1_000 * n, (e.boot_ns, e.pid), STATUSES[n % len(STATUSES)], *_cost(n))
        for n, e in enumerate(execs)
        if n % 7 and not e.errno
    ]
    recording.write([], ends, counts(0))
    return Stored(History(database))


def _cost(n: int) -> tuple[int | None, int | None]:
    return (None, None) if n % 5 == 0 else (n % 11, n % 9)


def _an_exec(n: int) -> Exec:
    def text(salt: int) -> str:
        return TEXTS[n * salt % len(TEXTS)]

    return an_exec(
        n,
        pid=1_000 + n % 11,
        ppid=n % 5,
        creds=some_creds(n % 3, text(3), loginuid=None if n % 2 else n % 4),
        place=Place(
            text(7) or None,
            text(9) or None,
            n % 4 == 0,
            text(2) or None,
            n % 3 or None,
            None,
            n % 2,
        ),
        ns_pid=n % 9 if n % 3 else None,
        exe=text(13) or None,
        exe_device=text(5) or None,
        exe_inode=n % 7 or None,
        exe_deleted=n % 3 == 0,
        filename=text(11),
        comm=text(1)[:15],
        argv=tuple(text(salt) for salt in range(n % 4)),
        errno="ENOENT" if n % 13 == 0 else None,
    )


_text = (
    st.sampled_from(TEXTS)
    | st.sampled_from(WILD).map(Glob)
    | st.sampled_from(EXPRESSIONS).map(Found)
)
_number = st.integers(-2, 12)
_range = st.tuples(st.none() | _number, _number).map(lambda ends: Range(*ends))
_VALUES: dict[str, st.SearchStrategy[Value]] = {
    **dict.fromkeys(("comm", "filename", "message", "cwd", "cgroup", "command"), _text),
    **dict.fromkeys(("exe", "exe_device", "container"), _text),
    **dict.fromkeys(("exe_inode", "pid_ns", "mnt_ns", "user_ns", "ns_pid"), _number | _range),
    **dict.fromkeys(("cpu_ns", "max_rss_kb"), _number | _range),
    **dict.fromkeys(("exe_deleted", "cwd_deleted"), st.sampled_from((0, 1))),
    "argv": _text,
    **dict.fromkeys(("uid", "ppid", "loginuid", "exit_code", "signal", "argc"), _number | _range),
    "id": _number | _range,
    "pid": st.integers(999, 1_012),
    "errno": st.sampled_from(("ENOENT", "EACCES")),
    "ended": st.sampled_from(("exit", "exec", "signal")),
    "duration_ns": st.integers(0, 300_000) | _range,
    "time_ns": st.integers(0, 250).map(lambda n: START_NS + n * 1_000_000),
    "boot_ns": _range,
    "run_id": st.integers(0, 2),
    "host": _text,
    "truncated": st.sampled_from((0, 1)),
}
_NO_NULL = {"argv", "command"}  # what is a list, or made of one


@st.composite
def terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from(sorted(_VALUES)))
    value = _VALUES[field] if field in _NO_NULL else st.none() | _VALUES[field]
    values = draw(st.lists(value, min_size=1, max_size=3))
    return Term(field, tuple(values), draw(st.booleans()))


def _values(event: Event) -> dict[str, Any]:
    return to_dict(event) | {"command": shlex.join(event.argv)}


@given(asked=st.lists(terms(), min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_file_answers_as_the_values_do(stored: Stored, asked: list[Term]) -> None:
    wanted = Filter(terms=tuple(asked))
    holds = matcher(asked)
    expected = [event.id for event in stored.events if holds(_values(event))]
    assert [event.id for event in stored.history.events(wanted)] == expected
    assert stored.history.count(wanted) == len(expected)


def test_a_term_about_the_time_narrows_what_is_read(stored: Stored) -> None:
    at = [stored.events[n].time_ns for n in (17, 23)]
    wanted = Filter(terms=(Term("time_ns", (Range(*at),)),))
    assert (wanted.since_ns, wanted.until_ns) == (at[0], at[1] + 1)
    assert stored.history.count(wanted) == 7


def test_conditions_that_hold_for_many_rows_each_and_for_few_together(database: Database) -> None:
    """Blocks in which one of them never holds are not read."""
    rows = [
        an_exec(n, creds=some_creds(n // 5_000), comm="gcc" if n % 2 else "as")
        for n in range(10_007)
    ]
    recorded(database, rows)
    statements: list[str] = []
    history = History(database)
    database.connection.set_trace_callback(statements.append)
    wanted = Filter(terms=READER.terms(["comm=gcc", "uid=2"]))
    assert history.count(wanted) == 3
    database.connection.set_trace_callback(None)
    read = [sql for sql in statements if "count(*)" in sql and "FROM image" in sql]
    assert len(read) == 1


def test_children_of_rows_are_found_by_their_parents(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = [an_exec(n, pid=7 + n) for n in range(3)]
    below = [an_exec(10 + n, parent=(parents[n % 3].boot_ns, 7 + n % 3)) for n in range(13)]
    recorded(database, [*parents, *below])
    wanted = Filter((Term("parent_id", (1, 3)), Term("pid", (Range(0, 1_015),))))
    found = [e.id for e in History(database).events(wanted)]
    assert found == [4, 6, 7, 9]
    monkeypatch.setattr(segment, "_LISTED_MAX", 2)
    assert [e.id for e in History(database).events(wanted)] == found
