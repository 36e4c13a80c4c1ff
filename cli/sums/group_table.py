"""The sums of groups of events, as a table, JSON or CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.output.escape import escape
from execdb.cli.show.cells import cell, json_cell
from execdb.cli.show.durations import duration
from execdb.store.json_text import json_of
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.overview.statistics import Groups

_DURATIONS = ("total_ns", "self_ns", "cpu_ns", "p50_ns", "p95_ns", "max_ns")
_TIMES = ("first_ns", "last_ns")
_VALUE_MAX = 60  # characters of a value in a table

Row = Mapping[str, Any]  # the values of the fields, then the sums


def rows_of(groups: "Groups", fields: Sequence[str], sort: str) -> list[Row]:
    """A row for each group. Largest first, by `sort`, a column of the table; `first` is oldest
    first."""
    rows = []
    for values, sums in groups.items():
        row = dict(zip(fields, values, strict=True))
        p50_ns, p95_ns = sums.percentiles(0.5, 0.95)
        row |= {
            "runs": sums.runs,
            "failed": sums.failed,
            "total_ns": sums.total_ns,
            "self_ns": sums.self_ns,
            "cpu_ns": sums.cpu_ns,
            "p50_ns": p50_ns,
            "p95_ns": p95_ns,
            "max_ns": sums.max_ns,
            "first_ns": sums.first_ns,
            "last_ns": sums.last_ns,
        }
        rows.append(row)
    key = sort if sort in ("runs", "failed") else f"{sort}_ns"
    sign = 1 if sort == "first" else -1
    # Groups with equal sums are in the order of their values.
    return sorted(
        rows,
        key=lambda row: (
            row.get(key) is None,
            sign * (row.get(key) or 0),
            [str(row[field]) for field in fields],
        ),
    )


def table(fields: Sequence[str], rows: Sequence[Row]) -> str:
    """For people: local times, rounded durations; the values of the fields stand last."""
    names = [name for name in rows[0] if name not in fields] if rows else []
    lines = [[*(name.removesuffix("_ns") for name in names), *fields]] if rows else []
    lines += [
        [*(_sum(name, row[name]) for name in names), *(_value(row[field]) for field in fields)]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = len(names)
    return "".join(
        "  ".join(
            text.rjust(width) if at < numbers else text.ljust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in lines
    )


def json_text(fields: Sequence[str], rows: Sequence[Row]) -> str:
    """An array of objects: the keys, then the sums, times and durations in ns."""
    objects = (
        json_of(dict(row) | {"first": rfc3339(row["first_ns"]), "last": rfc3339(row["last_ns"])})
        for row in rows
    )
    text = ",\n".join(objects)
    return f"[\n{text}\n]\n" if text else "[]\n"


def csv_text(fields: Sequence[str], rows: Sequence[Row]) -> str:
    """The same as CSV, with a header, safe for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*fields, "runs", "failed", *_DURATIONS, *_TIMES])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def _sum(name: str, value: int | None) -> str:
    if value is None:
        return "-"
    if name in _TIMES:
        return local_time(value)[:19]
    return duration(value) if name in _DURATIONS else str(value)


def _value(value: Any) -> str:
    shown = "null" if value is None else escape(json_of(value) if _is_list(value) else str(value))
    return shown if len(shown) <= _VALUE_MAX else shown[: _VALUE_MAX - 1] + "…"


def _cell(value: Any) -> Any:
    if _is_list(value):
        return json_cell(tuple(value))
    return cell(value) if isinstance(value, str) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple | list)
