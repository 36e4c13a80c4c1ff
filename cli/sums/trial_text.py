"""What rules would have left out, as tables or JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.show.sizes import size
from execdb.cli.table.layout import Column, table
from execdb.store.json_text import json_of

if TYPE_CHECKING:
    from execdb.store.config.rule import Rule
    from execdb.store.overview.trial import Sum, Trial


def trial_json(trial: "Trial", rules: "Sequence[Rule]", limit: int) -> str:
    """One object. Shares are from 0 to 1, null of nothing; `programs` and `users`, most execs
    first, are at most `limit` each (0: all)."""
    found = {
        "execs": trial.total.execs,
        "bytes": trial.total.bytes,
        **_filtered(trial.filtered, trial.total),
        "rules": [
            {"action": str(rule.action), "terms": list(rule.terms), "note": rule.note}
            | {"execs": each.execs, "bytes": each.bytes}
            for rule, each in zip(rules, trial.rules, strict=True)
        ],
        "programs": [
            {"comm": comm, **_filtered(each, trial.total)}
            for comm, each in most(trial.programs, limit)
        ],
        "users": [
            {"uid": uid, **_filtered(each, trial.total)} for uid, each in most(trial.users, limit)
        ],
    }
    return json_of(found) + "\n"


def trial_tables(
    trial: "Trial", rules: "Sequence[Rule]", limit: int, width: int | None, *, colour: bool
) -> Iterator[str]:
    """For people: a sentence, and tables of rules if there are several, of programs and of users,
    each with its share of all execs and bytes that were looked at."""
    total, filtered = trial.total, trial.filtered
    yield (
        f"{filtered.execs} of {counted(total.execs, 'exec')} would have been left out"
        f" ({_percent(filtered.execs, total.execs)}), with {size(filtered.bytes)} of"
        f" {size(total.bytes)} of arguments ({_percent(filtered.bytes, total.bytes)})\n"
    )
    tables = [
        ("program", most(trial.programs, limit)),
        ("uid", most(trial.users, limit)),
    ]
    if len(rules) > 1:
        tables.insert(0, ("rule", list(zip(map(str, rules), trial.rules, strict=True))))
    for name, rows in tables:
        if rows:
            yield "\n"
            cells = [[*_cells(each, total), escape(str(value))] for value, each in rows]
            yield from table([*_SUMS, Column(name, text=True)], cells, width, colour=colour)


def most(sums: "Mapping[Any, Sum]", limit: int) -> "list[tuple[Any, Sum]]":
    """The `limit` ones with the most execs (0: all)."""
    rows = sorted(sums.items(), key=lambda row: (-row[1].execs, -row[1].bytes, row[0]))
    return rows[:limit] if limit else rows


_SUMS = [Column(name, right=True) for name in ("execs", "of all", "bytes", "of all")]


def _cells(each: "Sum", total: "Sum") -> list[str]:
    return [
        str(each.execs),
        _percent(each.execs, total.execs),
        str(each.bytes),
        _percent(each.bytes, total.bytes),
    ]


def _filtered(each: "Sum", total: "Sum") -> dict[str, Any]:
    return {
        "filtered": each.execs,
        "filtered_share": _share(each.execs, total.execs),
        "filtered_bytes": each.bytes,
        "filtered_bytes_share": _share(each.bytes, total.bytes),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
