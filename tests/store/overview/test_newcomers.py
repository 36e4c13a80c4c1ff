"""What is new, against the same found one by one, over many segments and runs."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.file.database import Database
from execdb.store.overview import newcomers as module
from execdb.store.overview.newcomers import newcomers
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, a_filter, an_exec, counts, empty, some_creds

MS = 1_000_000


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30),
    st.integers(0, 30),
    st.none() | st.integers(1, 30),
    st.sampled_from([["filename"], ["filename", "uid"], ["comm", "gid"], ["argv"], ["pid"]]),
    st.sampled_from([{}, {"uid": 1}, {"comm": "c1"}]),
    st.integers(1, 7),
)
def test_what_is_new_is_what_no_earlier_event_has(
    database: Database,
    made: list[tuple[int, int]],
    since: int,
    baseline: int | None,
    by: list[str],
    terms: dict[str, int],
    run_length: int,
) -> None:
    empty(database)
    execs = [
        an_exec(
            n, filename=f"/{program}", comm=f"c{program % 3}", argv=(f"{program}",),
            creds=some_creds(uid), pid=100 + program,
        )
        for n, (program, uid) in enumerate(made)
    ]  # fmt: skip
    for at in range(0, len(execs), run_length):
        some = execs[at : at + run_length]
        recording = Recording(database, MACHINE, "0", some[0].time_ns)
        recording.write(some, [], counts(len(some)))
        recording.finish(some[-1].time_ns, counts(len(some)))
    since_ns = START_NS + since * MS
    baseline_ns = None if baseline is None else baseline * MS
    history = History(database)
    chosen = a_filter(since_ns=since_ns, **terms)
    found = newcomers(history, chosen, baseline_ns, by)

    events = list(history.events(a_filter(**terms)))
    begin_ns = 0 if baseline_ns is None else since_ns - baseline_ns
    before = {key(e, by) for e in events if begin_ns <= e.time_ns < since_ns}
    after = [e for e in events if e.time_ns >= since_ns and key(e, by) not in before]
    firsts = {key(e, by): e.id for e in reversed(after)}
    assert {each.values: each.first for each in found} == firsts
    assert sum(each.runs for each in found) == len(after)
    assert [each.first for each in found] == sorted(firsts.values())


def key(event: object, by: list[str]) -> tuple[object, ...]:
    return tuple(getattr(event, name) for name in by)


def test_too_many_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUPS_MAX", 7)
    execs = [an_exec(n) for n in range(11)]
    Recording(database, MACHINE, "0", START_NS).write(execs, [], counts(11))
    with pytest.raises(module.UsageError, match="--by"):
        newcomers(History(database), Filter(), None, ["pid"])
