"""Bars, hatching and what marks a gap in a timeline. Pure; nothing depends on colour alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from execdb.cli.output.escape import escape
from execdb.cli.show.durations import duration
from execdb.cli.show.gap_notes import causes, execs_of, reason, total

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Period

SUCCEEDED, FAILED = "█", "x"
_HATCHING = {"blind": "/", "lossy": "~", "pruned": "-"}


def bar(execs: int, failed: int, most: int, width: int) -> tuple[str, str]:
    """The cells of those that did well, and of those that failed; `most` execs fill the width. At
    least one cell for each kind that there is, where the width allows it."""
    if not execs or width <= 0:
        return "", ""
    cells = max(1, round(execs / most * width))
    ill = min(cells, max(1, round(failed / execs * cells))) if failed else 0
    if ill == cells > 1 and failed < execs:
        ill -= 1
    return SUCCEEDED * (cells - ill), FAILED * ill


def mark_of(gaps: Sequence["Period"]) -> str:
    """A character for each kind of gap."""
    return "".join(sorted({_HATCHING[gap.kind] for gap in gaps}))


def hatched(gap: "Period", width: int) -> str:
    """A stretch in which all was missing, with its name."""
    char = _HATCHING[gap.kind]
    text = f"{char * 3} {named([gap])} "
    return text + char * max(3, width - len(text))


def named(alike: Sequence["Period"]) -> str:
    """What is missing in periods of one kind, and why."""
    first, lasted = alike[0], duration(sum(gap.to_ns - gap.from_ns for gap in alike))
    times = "" if len(alike) == 1 else f" in {len(alike)} stretches"
    if first.kind == "lossy":
        by_cause = total(gap.lost for gap in alike)
        return f"{execs_of(sum(by_cause.values()))} lost within {lasted}{times}: {causes(by_cause)}"
    if first.kind == "pruned":
        removals = {(gap.run_id, gap.removal_ns): gap.pruned for gap in alike}
        return f"{execs_of(sum(removals.values()))} pruned from {lasted}{times}"
    return f"nothing recorded for {lasted}{times}: {escape(reason(first.why))}"
