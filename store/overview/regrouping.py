"""Groups whose values are shown otherwise than they were recorded: what is then equal is one group.
Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from execdb.store.overview.statistics import Groups, Statistics
from execdb.store.overview.timeline import Count

Change = Callable[[tuple[Any, ...]], tuple[Any, ...]]


def regrouped(groups: Groups, change: Change) -> Groups:
    """The statistics by changed values."""
    found = Groups()
    for values, each in groups.items():
        into = found.setdefault(change(values), Statistics())
        known = each.max_ns is not None
        sums = (
            each.runs,
            each.total_ns if known else None,
            each.max_ns,
            each.first_ns,
            each.last_ns,
            each.cpu_ns,
        )
        into.add(sums, each.parts)
        into.children_ns += each.children_ns
    return found


def recounted(by: Mapping[Any, Count], change: Change) -> dict[Any, Count]:
    """The numbers of an interval by changed values."""
    found: dict[Any, Count] = {}
    for value, each in by.items():
        (shown,) = change((value,))
        found.setdefault(shown, Count()).add(each.execs, each.failed)
    return found
