"""Stretches of the wall clock: every moment has one, and the right one."""

from dataclasses import replace
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from execdb.store.account import Account, ClockSet, Loss
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.ledger.coverage import Kind, Life, Story, Stretch, Why, read_story, stretches
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_event, an_exec, counts, recorded
from tests.store.importing.test_importer import lines_of

SECOND = 1_000_000_000


def life(run_id: int, *spans: tuple[int, int], then: Why = Why.STOPPED, **more: int) -> Life:
    return Life(run_id, spans, then, **more)


def story(*lives: Life, losses: tuple[Loss, ...] = (), **more: object) -> Story:
    return Story(lives, losses, more.get("imported", ()), now_ns=1_000)  # type: ignore[arg-type]


def loss(from_ns: int, to_ns: int, lost: int = 7, cause: str = "ring full") -> Loss:
    return Loss(from_ns, cause, from_ns, to_ns, lost)


def shape(found: list[Stretch]) -> list[tuple[object, ...]]:
    return [(str(each.why or each.kind), each.from_ns, each.to_ns) for each in found]


TWO = story(life(1, (100, 200)), life(2, (300, 400)))


def test_between_runs_nothing_was_recorded() -> None:
    assert shape(stretches(TWO, None, None)) == [
        ("recorded", 100, 200),
        ("no collector", 200, 300),
        ("recorded", 300, 400),
    ]


def test_a_window_reaches_beyond_the_runs() -> None:
    assert shape(stretches(TWO, 23, 1_009)) == [
        ("before the first run", 23, 100),
        ("recorded", 100, 200),
        ("no collector", 200, 300),
        ("recorded", 300, 400),
        ("no collector", 400, 1_009),
    ]


def test_a_crash_is_why_nothing_was_recorded_after_it() -> None:
    found = stretches(story(life(1, (100, 200), then=Why.CRASH), life(2, (300, 400))), None, 500)
    assert [each.why for each in found] == [None, Why.CRASH, None, Why.STOPPED]


def test_losses_that_touch_are_one_lossy_stretch() -> None:
    losses = (loss(110, 130), loss(130, 150, 5), loss(140, 145, 3, "no space"), loss(170, 170, 1))
    found = stretches(story(life(1, (100, 200)), losses=losses), None, None)
    assert shape(found) == [
        ("recorded", 100, 110),
        ("lossy", 110, 150),
        ("recorded", 150, 170),
        ("lossy", 170, 171),
        ("recorded", 171, 200),
    ]
    assert found[1].lost == (("ring full", 12), ("no space", 3))


def test_what_was_pruned_is_no_loss() -> None:
    found = stretches(story(life(1, (100, 200), pruned=23, first_ns=150)), None, None)
    assert shape(found) == [("pruned", 100, 150), ("recorded", 150, 200)]
    assert (found[0].pruned, found[0].lost) == (23, ())
    gone = stretches(story(life(1, (100, 200), pruned=23)), None, None)
    assert shape(gone) == [("pruned", 100, 200)]


def test_imported_events_are_no_blind_time() -> None:
    found = stretches(story(life(1, (300, 400)), imported=[(100, 250)]), None, None)
    assert shape(found) == [
        ("imported", 100, 250),
        ("before the first run", 250, 300),
        ("recorded", 300, 400),
    ]


def test_without_a_run_there_is_nothing_to_say() -> None:
    assert stretches(story(imported=[(100, 250)]), 0, 1_000) == []


def test_where_no_collector_ever_ran_all_time_is_blind() -> None:
    assert shape(stretches(story(), 23, 1_009)) == [("before the first run", 23, 1_009)]
    assert stretches(story(), None, None) == stretches(story(), 23, 23) == []


def test_a_window_that_is_empty_has_no_stretches() -> None:
    assert stretches(TWO, 300, 300) == stretches(TWO, 400, 300) == []


TIMES = st.integers(0, 100)
SPANS = st.tuples(TIMES, TIMES).map(lambda pair: (min(pair), max(pair)))
LIVES = st.lists(
    st.tuples(st.lists(SPANS, min_size=1, max_size=3), st.booleans(), st.integers(0, 2),
              st.none() | TIMES),
    max_size=5,
).map(lambda found: [Life(n, *rest) for n, rest in enumerate(found, 1)])  # fmt: skip
LOSSES = st.lists(SPANS, max_size=5).map(
    lambda spans: [loss(a, b)._replace(number=n) for n, (a, b) in enumerate(spans)]
)


@given(LIVES, LOSSES, st.lists(SPANS, max_size=3), st.none() | TIMES, st.none() | TIMES)
@example([life(1, (0, 5), (3, 9))], [], [], 0, 10)
def test_every_moment_has_one_stretch_and_the_right_one(
    lives: list[Life],
    losses: list[Loss],
    imported: list[tuple[int, int]],
    since: int | None,
    until: int | None,
) -> None:
    found = stretches(Story(lives, losses, imported, 0), since, until)
    if not found:
        spans = [span for each in lives for span in each.spans] + imported
        begin = since if since is not None else min((a for a, _ in spans), default=0)
        end = until if until is not None else max((b for _, b in spans), default=0)
        without_limit = since is None or until is None
        assert begin >= end or (not lives and (bool(imported) or without_limit))
        return
    for one, other in pairwise(found):
        assert one.to_ns == other.from_ns  # no gaps, no overlaps
        assert one._replace(from_ns=0, to_ns=0) != other._replace(from_ns=0, to_ns=0)
    assert since in (None, found[0].from_ns)
    assert until in (None, found[-1].to_ns)
    for each in found:
        assert each.from_ns < each.to_ns
        for moment in range(each.from_ns, each.to_ns):
            lossy = any(x.from_ns <= moment < max(x.to_ns, x.from_ns + 1) for x in losses)
            covered = any(a <= moment < b for x in lives for a, b in x.spans)
            elsewhere = any(a <= moment < b for a, b in imported)
            assert (each.kind is Kind.LOSSY) == lossy
            if not lossy and each.kind is not Kind.PRUNED:
                assert (each.kind is Kind.RECORDED) == covered
                assert (each.kind is Kind.BLIND) == (not covered and not elsewhere)
            assert (each.why is None) == (each.kind is not Kind.BLIND)


# From the database


def test_a_life_that_goes_on_reaches_until_now(database: Database) -> None:
    recorded(database, [an_exec(7)])
    now_ns = START_NS + 11 * SECOND
    alive = read_story(database, now_ns, recording=True)
    assert shape(stretches(alive, None, None)) == [("recorded", START_NS, now_ns)]
    dead = read_story(database, now_ns, recording=False)
    assert shape(stretches(dead, None, now_ns)) == [
        ("recorded", START_NS, an_exec(7).time_ns),
        ("crash", an_exec(7).time_ns, now_ns),
    ]


def test_a_life_that_has_been_silent_is_not_taken_for_recorded(database: Database) -> None:
    """It may have been stopped (SIGSTOP), or find no room on the disk for its ledger."""
    recorded(database, [an_exec(7)])
    now_ns = START_NS + 23 * SECOND
    silent = read_story(database, now_ns, recording=True)
    assert shape(stretches(silent, None, None)) == [
        ("recorded", START_NS, an_exec(7).time_ns),
        ("collector silent", an_exec(7).time_ns, now_ns),
    ]


def test_runs_losses_and_imports_are_read(database: Database) -> None:
    first = Recording(database, MACHINE, "0", START_NS)
    losses = [Loss(1, "ring full", START_NS + 2, START_NS + 5, 7)]
    first.write([an_exec(1)], [], counts(1, 7), Account(START_NS + 1, START_NS + 9, losses))
    Recording(database, MACHINE, "0", START_NS + 100).finish(START_NS + 200, counts(0))
    import_lines(database, lines_of([an_event(n) for n in (5_003, 5_009)]))
    found = stretches(read_story(database, 0, recording=False), None, None)
    assert shape(found) == [
        ("recorded", START_NS + 1, START_NS + 2),
        ("lossy", START_NS + 2, START_NS + 5),
        ("recorded", START_NS + 5, START_NS + 9),
        ("crash", START_NS + 9, START_NS + 100),
        ("recorded", START_NS + 100, START_NS + 200),
        ("no collector", START_NS + 200, an_event(5_003).time_ns),
        ("imported", an_event(5_003).time_ns, an_event(5_009).time_ns),
    ]


@pytest.mark.parametrize("far", [{"boot_id": "far"}, {"host": "far"}])
def test_events_of_another_machine_do_not_hide_a_blind_time(
    database: Database, far: dict[str, str]
) -> None:
    Recording(database, MACHINE, "0", START_NS).finish(START_NS + SECOND, counts(0))
    recorded(database, []).finish(START_NS + 7 * SECOND, counts(0))
    with database.writing() as connection:
        connection.execute("UPDATE run SET started_ns = ? WHERE id = 2", (START_NS + 5 * SECOND,))
    import_lines(database, lines_of([an_event(n, **far) for n in (1_003, 4_999)]))
    found = stretches(read_story(database, 0, recording=False), None, None)
    assert [str(each.why or each.kind) for each in found] == [
        "recorded",
        "no collector",
        "recorded",
    ]


def test_events_of_a_boot_do_not_hide_a_blind_time_of_the_next_one(database: Database) -> None:
    boots = [MACHINE, replace(MACHINE, boot_id="next"), replace(MACHINE, boot_id="next")]
    for n, machine in enumerate(boots):
        began_ns = START_NS + n * 10 * SECOND
        Recording(database, machine, "0", began_ns).finish(began_ns + SECOND, counts(0))
    claimed = [an_event(n) for n in (500, 25_000)]  # of the first boot, into the second's time
    import_lines(database, lines_of(claimed))
    found = stretches(read_story(database, 0, recording=False), None, None)
    assert shape(found) == [
        ("recorded", START_NS, START_NS + SECOND),
        ("imported", START_NS + SECOND, START_NS + 10 * SECOND),
        ("recorded", START_NS + 10 * SECOND, START_NS + 11 * SECOND),
        ("no collector", START_NS + 11 * SECOND, START_NS + 20 * SECOND),
        ("recorded", START_NS + 20 * SECOND, START_NS + 21 * SECOND),
    ]


def test_a_crash_leaves_a_gap_until_now(database: Database) -> None:
    recorded(database, [an_exec(7)])
    now_ns = START_NS + 11 * SECOND
    assert read_story(database, now_ns, recording=False).end_ns == now_ns
    recorded(database, [an_exec(11)]).finish(START_NS + 2 * SECOND, counts(1))
    assert read_story(database, now_ns, recording=False).end_ns == START_NS + 2 * SECOND


def eventful(runs: int) -> Story:
    """Every run has ten losses, and was behind a clock that was set; others are imported."""
    lives = [life(n, (n * 100, n * 100 + 40), (n * 100 + 50, n * 100 + 80)) for n in range(runs)]
    losses = [loss(n * 100 + k, n * 100 + k + 1) for n in range(runs) for k in range(0, 40, 4)]
    return story(*lives, losses=tuple(losses), imported=[(n, runs * 100 - n) for n in range(runs)])


def test_the_work_grows_with_the_history_and_not_with_its_square() -> None:
    taken = {}
    for runs in (1_009, 4_036):
        lived = eventful(runs)
        times = []
        for _ in range(3):
            started_s = process_time()
            assert len(stretches(lived, None, None)) > 20 * runs
            times.append(process_time() - started_s)
        taken[runs] = min(times)
    assert taken[4_036] < 9 * taken[1_009], taken  # 4 times; the square would be 16


def test_a_clock_that_is_set_back_makes_no_time_blind(database: Database) -> None:
    recording = Recording(database, MACHINE, "0", START_NS)
    hour = 3_600 * SECOND
    back = ClockSet(START_NS + hour, START_NS + hour // 2)
    recording.write([], [], counts(0), Account(clock_sets=[back]))
    recording.finish(START_NS + hour // 2 + SECOND, counts(0))
    found = stretches(read_story(database, 0, recording=False), None, None)
    assert shape(found) == [("recorded", START_NS, START_NS + hour)]


def test_a_clock_that_is_set_forth_leaves_a_time_that_never_was(database: Database) -> None:
    recording = Recording(database, MACHINE, "0", START_NS)
    forth = ClockSet(START_NS + SECOND, START_NS + 86_400 * SECOND)
    recording.write([], [], counts(0), Account(clock_sets=[forth]))
    recording.finish(START_NS + 86_401 * SECOND, counts(0))
    found = stretches(read_story(database, 0, recording=False), None, None)
    assert [each.kind for each in found] == [Kind.RECORDED, Kind.BLIND, Kind.RECORDED]
    assert found[1].why is Why.CLOCK
