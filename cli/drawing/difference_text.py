"""How two histories differ, as lines for people."""

from collections.abc import Iterable, Iterator
from typing import Any

from execdb.cli.drawing.tree_text import outcome_of
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape, quote
from execdb.cli.show.durations import compact
from execdb.cli.show.event_table import command_of
from execdb.cli.table.layout import RED, cut
from execdb.store.comparison.comparison import Difference, Totals

_KINDS = {
    "only_a": "only in A",
    "only_b": "only in B",
    "different": "different",
    "slower": "slower",
}
_OFF = "\x1b[0m"
_ARGUMENTS_MAX = 5  # of an argv that are shown when they differ


def difference_lines(
    found: Iterable[Difference], width: int | None, *, colour: bool
) -> Iterator[str]:
    """Each difference as one line, and below it one for each field that differs. `width` in cells;
    None: nothing is cut."""
    for each in found:
        head = _KINDS[each.kind]
        if each.failed:
            head = f"{RED}failed now{_OFF}" if colour else "failed now"
        text = _line(each)
        yield f"{head:<10}  {text if width is None else cut(text, max(20, width - 12))}"
        if each.kind == "different":
            for name, (in_a, in_b) in each.fields.items():
                for line in _values(name, in_a, in_b):
                    line = f"            {line}"
                    yield line if width is None else cut(line, width)


def _line(each: Difference) -> str:
    event = each.b or each.a
    assert event is not None
    if each.a is not None and each.b is not None:
        ids = f"[id {each.a.id}, {each.b.id}]"
    else:
        ids = f"[id {event.id}]"
    command = command_of(event) or escape(event.comm)
    if each.kind == "slower":
        before, after = (compact(value or 0) for value in each.fields["duration_ns"])
        return f"{ids} {before} -> {after}: {command}"
    more = f" (and {each.below} below it)" if each.below else ""
    return f"{ids} {outcome_of(event)}{more}: {command}"


def _values(name: str, in_a: Any, in_b: Any) -> Iterator[str]:
    """`exit_code: 0 -> 1`; of argv those arguments that differ, if they are as many."""
    if name != "argv" or len(in_a) != len(in_b):
        yield f"{name}: {_value(in_a)} -> {_value(in_b)}"
        return
    differing = [at for at in range(len(in_a)) if in_a[at] != in_b[at]]
    for at in differing[:_ARGUMENTS_MAX]:
        yield f"argv[{at}]: {quote(in_a[at])} -> {quote(in_b[at])}"
    if len(differing) > _ARGUMENTS_MAX:
        yield f"argv: {len(differing) - _ARGUMENTS_MAX} more"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(quote, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "null" if value is None else escape(str(value))


def totals_lines(totals: Totals, missing: dict[str, str]) -> Iterator[str]:
    """The sums, once all differences were taken, and what could not be compared."""
    yield (
        f"{counted(totals.a, 'exec')} in A, {totals.b} in B: {totals.equal} equal, "
        f"{totals.different} different ({totals.failed} failed now), {totals.only_a} only in A, "
        f"{totals.only_b} only in B, {totals.slower} slower, {totals.reordered} in another order"
    )
    for side in ("A", "B"):
        names = [name for name, lacking in missing.items() if lacking == side]
        if names:
            yield f"note: not compared, because {side} has none: {', '.join(names)}"
    if totals.unknown_ends:
        yield f"note: of {totals.unknown_ends} pairs only one has a known end"
