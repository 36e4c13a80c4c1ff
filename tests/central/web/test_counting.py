"""Of very many rows the page counts a sample, and says so."""

from collections.abc import Iterator

import pytest

from execdb.cli.web.shapes.timeline import edges_of
from execdb.store.central.asking.browsing import counting
from execdb.store.central.asking.browsing.browsed import BrowsedCentral
from execdb.store.central.kept_open import KeptCentral
from execdb.store.central.url import CentralUrl
from execdb.store.reading.filter import Filter
from execdb.store.terms.term import Term
from tests.central.conftest import Central

BUILD = Term("host", ("web1",))
EXECS = 2_879


@pytest.fixture
def browsed(hosts: Central) -> Iterator[BrowsedCentral]:
    store = KeptCentral(CentralUrl(hosts.reader), 60)
    yield store.now()
    store.close()


def _asked(browsed: BrowsedCentral, *terms: Term) -> tuple[Filter, list[int]]:
    begin_ns, last_ns = browsed.extent(Filter((BUILD,))) or (0, 0)
    wanted = Filter((BUILD, *terms), begin_ns, last_ns + 1, replays=True)
    return wanted, edges_of(begin_ns, last_ns + 1)


def test_few_rows_are_counted(browsed: BrowsedCentral) -> None:
    found, values = browsed.survey(*_asked(browsed))
    assert (found.execs, found.exact, found.execs_exact) == (EXECS, True, True)
    assert sum(values["comm"].values()) == sum(values["outcome"].values()) == EXECS


def test_values_are_those_of_a_sample(
    browsed: BrowsedCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, values = browsed.survey(*_asked(browsed))
    monkeypatch.setattr(counting, "_OF_VALUES_MAX", 1_500)
    found, estimated = browsed.survey(*_asked(browsed))
    assert found.intervals == exact.intervals
    assert (found.exact, found.execs_exact, found.failed_exact) == (False, True, True)
    assert 100 < found.read < EXECS
    assert sum(estimated["comm"].values()) == pytest.approx(EXECS)
    (often, number), *_ = values["comm"].most_common(1)
    assert number / 2 < estimated["comm"][often] < number * 2


def test_numbers_are_estimated_beyond_that(
    browsed: BrowsedCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_ROWS_MAX", 1_500)
    found, _ = browsed.survey(*_asked(browsed))
    assert (found.exact, found.execs_exact, found.failed_exact) == (False, False, False)
    assert EXECS / 2 < found.execs < EXECS * 2
    assert found.read < found.rows
    # With terms more rows are looked at; and a file for somebody has all of them.
    found, _ = browsed.survey(*_asked(browsed, Term("uid", (0,))))
    assert found.execs_exact
    assert browsed.survey(*_asked(browsed), all_rows=True)[0].execs == EXECS
