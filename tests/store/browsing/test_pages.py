"""Pages of events: all of them, each once, in order; and an event's relatives."""

from itertools import chain

import pytest

from execdb.store.browsing.pages import Moment, Pages
from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from tests.conftest import a_filter, an_exec, recorded
from tests.store.writing.recordings import key


def paged(
    pages: Pages, wanted: Filter, size: int, *, newest_first: bool, late: bool = False
) -> list[list[Event]]:
    found: list[list[Event]] = []
    after: Moment | None = None
    while True:
        page = pages.page(wanted, size, newest_first=newest_first, after=after, late=lambda: late)
        assert len(page.events) <= size
        assert late or not page.partial
        found.append(list(page.events))
        if page.following is None:
            return found
        assert after is None or (page.following < after) is newest_first
        after = page.following


@pytest.fixture
def mixed(database: Database) -> Pages:
    """Two runs whose times overlap, and several events of one moment."""
    recorded(database, [an_exec(n, pid=100 + n, boot_ns=10**9 + n // 3) for n in range(47)])
    recorded(database, [an_exec(n, pid=500 + n, boot_ns=10**9 + n // 2) for n in range(31)])
    return Pages(database)


@pytest.mark.parametrize("size", [1, 2, 7, 200])
@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_are_the_list_in_pieces(mixed: Pages, size: int, newest_first: bool) -> None:
    everything = list(mixed.events(Filter(), reverse=newest_first))
    assert len(everything) == 78
    for late in (False, True):
        pieces = paged(mixed, Filter(), size, newest_first=newest_first, late=late)
        assert list(chain(*pieces)) == everything


@pytest.mark.parametrize(
    "wanted",
    [a_filter(pid=113), a_filter(comm="true"), a_filter(until_ns=1 << 60)],
)
def test_pages_of_a_filter(mixed: Pages, wanted: Filter) -> None:
    everything = list(mixed.events(wanted, reverse=True))
    assert list(chain(*paged(mixed, wanted, 3, newest_first=True))) == everything


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_search_that_has_little_time_comes_further_with_each_page(
    database: Database, newest_first: bool
) -> None:
    for n in range(7):  # a segment each; two at a time overlap
        begin_ns = 10**9 * (n // 2) + n % 2
        recorded(
            database,
            [
                an_exec(m, comm=f"c{m % 5}", argv=(f"a{n}",), boot_ns=begin_ns + 2 * m)
                for m in range(23)
            ],
        )
    pages = Pages(database)
    for wanted in (a_filter(arg="a2"), a_filter(arg="a0"), a_filter(pid=-1), a_filter(comm="c3")):
        everything = list(pages.events(wanted, reverse=newest_first))
        pieces = paged(pages, wanted, 1_000, newest_first=newest_first, late=True)
        assert list(chain(*pieces)) == everything
        assert len(pieces) > 3 or not everything


def test_an_event_is_found_by_its_identity(mixed: Pages) -> None:
    for event in mixed.events(Filter()):
        assert mixed.find(event.boot_id, event.boot_ns, event.pid) == event
        assert mixed.find(event.boot_id, event.boot_ns, event.pid + 10_000) is None
        assert mixed.find("another boot", event.boot_ns, event.pid) is None


def test_a_family(database: Database) -> None:
    root = an_exec(0, argv=("root",))
    parent = an_exec(1, parent=key(root))
    children = [an_exec(n, parent=key(parent)) for n in range(2, 125)]
    recorded(database, [root, parent, *children, an_exec(200)])
    pages = Pages(database)
    events = list(pages.events(Filter()))
    chosen = events[60]
    assert [event.id for event in pages.chain(chosen)] == [1, 2, chosen.id]
    first = pages.children(2, 50)
    assert [event.id for event in first] == list(range(3, 53))
    assert [e.id for e in pages.children(2, 100, after=52)] == list(range(53, 126))
    around = pages.siblings(chosen)
    assert around.more
    assert [e.id for e in around.events] == list(range(chosen.id - 50, chosen.id + 51))
    alone = pages.siblings(events[-1])
    assert ([event.id for event in alone.events], alone.more) == ([126], False)


def test_a_circle_of_ancestors_ends(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(3)])
    with database.writing() as connection:
        connection.execute("UPDATE image SET parent_id = CASE id WHEN 1 THEN 3 ELSE id - 1 END")
    pages = Pages(database)
    chosen = next(pages.rows_with([1]))
    assert [event.id for event in pages.chain(chosen)] == [2, 3, 1]
