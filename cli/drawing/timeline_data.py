"""A timeline for programs, as JSON or CSV."""

import csv
import io
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.drawing.timeline_text import Note, touching
from execdb.cli.show.cells import cell, json_cell
from execdb.cli.show.json_lines import array
from execdb.store.json_text import json_of
from execdb.store.times import rfc3339

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Period
    from execdb.store.overview.timeline import Interval


def timeline_json(
    intervals: Sequence["Interval"],
    gaps: Sequence["Period"],
    notes: Sequence[Note],
    by: str | None,
) -> Iterator[str]:
    """An array with an object for each interval. `gaps` are the parts of the time in which events
    may be missing, whole, also if they are longer than the interval. Notes are in order."""
    return array(map(json_of, _objects(intervals, gaps, notes, by)))


def _objects(
    intervals: Sequence["Interval"],
    gaps: Sequence["Period"],
    notes: Sequence[Note],
    by: str | None,
) -> Iterator[dict[str, Any]]:
    for interval, here in zip(intervals, touching(intervals, gaps), strict=True):
        found: dict[str, Any] = {
            "from_ns": interval.from_ns,
            "from_time": rfc3339(interval.from_ns),
            "to_ns": interval.to_ns,
            "to_time": rfc3339(interval.to_ns),
            "execs": interval.count.execs,
            "failed": interval.count.failed,
        }
        if by is not None:
            found["by"] = [
                {by: value, "execs": count.execs, "failed": count.failed}
                for value, count in interval.by.items()
            ]
        found["gaps"] = [_gap(gaps[at]) for at in here]
        found["notes"] = [
            {"time_ns": note.time_ns, "time": rfc3339(note.time_ns), "text": note.text}
            for note in notes[
                bisect_left(notes, (interval.from_ns,)) : bisect_left(notes, (interval.to_ns,))
            ]
        ]
        yield found


def _gap(gap: "Period") -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "why": gap.why,
        "from_ns": gap.from_ns,
        "to_ns": gap.to_ns,
        "lost": dict(gap.lost),
        "pruned": gap.pruned,
    }


def timeline_csv(
    intervals: Sequence["Interval"], gaps: Sequence["Period"], by: str | None
) -> Iterator[str]:
    """A row for each interval, or for each value in it; `gaps` names the kinds of gaps in it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["from_time", "to_time", *([by] if by else []), "execs", "failed", "gaps"])
    for interval, here in zip(intervals, touching(intervals, gaps), strict=True):
        kinds = " ".join(sorted({gaps[at].kind for at in here}))
        times = rfc3339(interval.from_ns), rfc3339(interval.to_ns)
        if by is None:
            writer.writerow([*times, interval.count.execs, interval.count.failed, kinds])
        for value, count in interval.by.items():
            writer.writerow([*times, _value(value), count.execs, count.failed, kinds])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return json_cell(value)
    return cell(value) if isinstance(value, str) else value
