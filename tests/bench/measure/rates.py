"""How many events a second a whole command takes in or gives out."""

from collections.abc import Callable

from tests.bench.measure.proc import Taken
from tests.bench.results import Row, Spread
from tests.bench.table import spread

_ROUNDS, _LIMIT = 3, 100_000


def row(what: str, events: int, run: Callable[[], Taken]) -> Row:
    """Its limit is on CPU time, start included, the median of some runs."""
    taken = [run() for _ in range(_ROUNDS)]
    rates = [events / each.cpu_s for each in taken]
    by_clock = Spread.of([events / each.wall_s for each in taken]).median
    text = f"{spread(rates, 0)} events/s of CPU time, {by_clock:,.0f} by the clock"
    return Row(what, f">= {_LIMIT:,} events/s", text, Spread.of(rates).median >= _LIMIT)
