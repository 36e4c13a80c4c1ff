"""Which times imported events cover, compared with the rule in plain words."""

from hypothesis import given
from hypothesis import strategies as st

from execdb.store.ledger.imported import imported_times

TIMES = st.integers(0, 40)
INTERVALS = st.tuples(TIMES, TIMES).map(lambda pair: (min(pair), max(pair)))
BOOTS = st.sampled_from("abc")


@given(
    st.lists(st.tuples(BOOTS, INTERVALS), max_size=5),
    st.dictionaries(BOOTS, st.lists(INTERVALS, min_size=1, max_size=3)),
)
def test_only_events_of_a_recorded_boot_cover_time_and_none_of_other_boots(
    imports: list[tuple[str, tuple[int, int]]], runs_of: dict[str, list[tuple[int, int]]]
) -> None:
    expected = []
    for boot, (from_ns, to_ns) in imports:
        if boot in runs_of:
            first = min(begin for begin, _ in runs_of[boot])
            last = max(end for _, end in runs_of[boot])
            runs = [run for each in runs_of.values() for run in each]
            from_ns = max([from_ns, *(end for _, end in runs if end < first)])
            to_ns = min([to_ns, *(begin for begin, _ in runs if begin > last)])
        if from_ns <= to_ns and (boot in runs_of or not runs_of):
            expected.append((from_ns, to_ns))
    assert list(imported_times(imports, runs_of)) == expected
