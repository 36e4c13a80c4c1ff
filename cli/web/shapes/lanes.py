"""What is missing of each host, one below the other under the time line. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.show.gap_notes import gaps_in, notes
from execdb.cli.web.shapes.timeline import Scale, Stretch, stretches_of
from execdb.cli.web.view import View, term_of
from execdb.store.ledger.coverage import Coverage
from execdb.store.reading.filter import Filter

_LANES_MAX = 24


class Lane(NamedTuple):
    """A host; `missing` says in words what its stretches show."""

    label: str
    only: str  # addresses
    without: str
    stretches: Sequence[Stretch]
    missing: str


class Lanes(NamedTuple):
    """`more` is how many hosts are not shown."""

    lanes: Sequence[Lane]
    more: int


def lay_out(
    known: Sequence[Coverage], inside: Filter, span: tuple[int, int], view: View
) -> Lanes | None:
    """None unless there are several hosts."""
    if len(known) < 2:
        return None
    shown = [_lane(each, inside, Scale(*span), view) for each in known[:_LANES_MAX]]
    return Lanes(shown, len(known) - len(shown))


def _lane(coverage: Coverage, inside: Filter, scale: Scale, view: View) -> Lane:
    gaps, name = gaps_in(coverage, inside), coverage.host or ""
    return Lane(
        escape(name),
        view.of_host(name).address("/"),
        view.with_word(term_of("host", name).replace("=", "!=", 1)).address("/"),
        [*stretches_of(gaps, scale)],
        "; ".join(line.removeprefix("note: ") for line in notes(gaps)) or "nothing is missing",
    )
