"""The sums of groups of events, as a table, JSON or CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.show.cells import cell, json_cell
from execdb.cli.show.durations import compact, duration
from execdb.cli.sums.moment import moment
from execdb.cli.table.layout import PAGE, RED, Cell, Column, natural_widths
from execdb.cli.table.layout import table as lines_of
from execdb.store.json_text import json_of
from execdb.store.times import rfc3339, zone_name

if TYPE_CHECKING:
    from execdb.store.overview.statistics import Groups

_DURATIONS = ("total_ns", "self_ns", "cpu_ns", "p50_ns", "p95_ns", "max_ns")
_TIMES = ("first_ns", "last_ns")
# In this order, if the terminal is narrow.
_LEFT_OUT = ("first_ns", "p50_ns", "self_ns", "last_ns", "max_ns", "cpu_ns", "p95_ns")
_VALUE_LEAST, _VALUE_MAX = 12, 60  # cells of a value that is cut; characters of one in a table


class Look(NamedTuple):
    """`width` in cells; None: all columns. `whole`: values of any length."""

    width: int | None = None
    utc: bool = False
    colour: bool = False
    whole: bool = False


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


def table(fields: Sequence[str], rows: Sequence[Row], look: Look, sort: str) -> Iterator[str]:
    """For people: local or UTC times, rounded durations; the values of the fields stand last.
    Where there is no room, durations and times become short, then columns are left out, but not
    the one by which it is sorted."""
    if not rows:
        return iter(())
    names, short = _fitting(fields, rows[:PAGE], look, sort)
    columns, cells = _laid_out(names, fields, rows, look, short)
    return lines_of(columns, cells, look.width, colour=look.colour)


def _fitting(
    fields: Sequence[str], page: Sequence[Row], look: Look, sort: str
) -> tuple[list[str], bool]:
    """The columns that leave room for the values, and whether they are short."""
    names = [name for name in page[0] if name not in fields]
    choices = [(names, False), (names, True)]
    for left_out in _LEFT_OUT:
        if left_out.removesuffix("_ns") != sort:
            names = [name for name in names if name != left_out]
            choices.append((names, True))
    for names, short in choices:
        columns, cells = _laid_out(names, fields, page, look, short)
        widths = natural_widths(columns, cells)
        values = [min(width, _VALUE_LEAST) for width in widths[len(names) :]]
        used = sum(widths[: len(names)]) + sum(values) + 2 * (len(widths) - 1)
        if look.width is None or used <= look.width:
            break
    return names, short


def _laid_out(
    names: Sequence[str], fields: Sequence[str], rows: Sequence[Row], look: Look, short: bool
) -> tuple[list[Column], list[list[str | Cell]]]:
    zone = f" ({zone_name(utc=look.utc)})"
    named = next((name for name in names if name in _TIMES), None)  # the zone is named once
    columns = [
        Column(name.removesuffix("_ns") + (zone if name == named else ""), right=True)
        for name in names
    ]
    columns += [Column(field, text=True) for field in fields]
    cells = [
        [
            *(_sum(name, row[name], look.utc, short) for name in names),
            *(_value(row[field], look.whole) for field in fields),
        ]
        for row in rows
    ]
    return columns, cells


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


def _sum(name: str, value: int | None, utc: bool, short: bool) -> str | Cell:
    if value is None:
        return "-"
    if name in _TIMES:
        return moment(value, utc=utc, short=short)
    if name in _DURATIONS:
        return compact(value) if short else duration(value)
    return Cell(str(value), RED) if name == "failed" and value else str(value)


def _value(value: Any, whole: bool) -> str:
    shown = "null" if value is None else escape(json_of(value) if _is_list(value) else str(value))
    return shown if whole or len(shown) <= _VALUE_MAX else shown[: _VALUE_MAX - 1] + "…"


def _cell(value: Any) -> Any:
    if _is_list(value):
        return json_cell(tuple(value))
    return cell(value) if isinstance(value, str) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple | list)
