"""Sums over groups of events, as the server adds them up."""

from collections.abc import Sequence

from execdb.store.central.asking.conditions import NOT_WELL, Condition
from execdb.store.central.asking.reading import Portion, Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import union
from execdb.store.central.asking.sums.grouping import Grouping
from execdb.store.central.asking.sums.self_time import DURATION_NS, children_ns
from execdb.store.central.tables.layout import TIME_NS
from execdb.store.errors import UsageError
from execdb.store.overview.percentiles import BUCKETS_PER_DOUBLING
from execdb.store.overview.statistics import GROUPS_MAX, NO_BUCKET, Groups, Statistics
from execdb.store.reading.filter import Filter
from execdb.store.terms.names import require_groupable


def statistics(
    session: Session, roster: Roster, reading: Reading, wanted: Filter, by: Sequence[str]
) -> Groups:
    """As `overview.statistics`. Raises UsageError, CentralError."""
    require_groupable(by)
    grouping, groups = Grouping(by, roster.by_id), Groups()
    for portion in reading.portions(wanted):
        _add_sums(session, grouping, portion, groups)
        query = children_ns(grouping.columns, portion, reading, roster)
        _add_children(session, grouping, query, groups)
    return groups


def _add_sums(session: Session, grouping: Grouping, portion: Portion, groups: Groups) -> None:
    keys = len(grouping.columns) + 1  # and the part
    columns = ", ".join((*grouping.columns, _PART, *_SUMS))
    numbers = ", ".join(map(str, range(1, keys + 1)))
    query = union(columns, portion.scope, portion.conditions, f"GROUP BY {numbers}")
    for row in session.sums(*query):
        values = grouping.values(row)
        group = groups.setdefault(values, Statistics())
        if len(groups) > GROUPS_MAX:
            raise UsageError(
                f"there are more than {GROUPS_MAX} groups: group by other fields, or choose fewer "
                "events"
            )
        sums = [None if each is None else int(each) for each in row[keys:]]
        group.add(sums, {str(row[keys - 1]): row[keys]})


def _add_children(session: Session, grouping: Grouping, query: Condition, groups: Groups) -> None:
    for row in session.sums(*query):
        values = grouping.values(row)
        if values in groups:
            groups[values].children_ns += int(row[-1])


# One number for the bucket of the duration and whether the row failed, as in `overview.statistics`.
_PART = (
    f"CASE WHEN {DURATION_NS} IS NULL THEN {NO_BUCKET}"
    f" ELSE floor(ln(greatest({DURATION_NS}, 1)::float8) / ln(2::float8) * {BUCKETS_PER_DOUBLING}"
    f" + 1e-9)::int END * 2 + {NOT_WELL}::int"
)
_SUMS = (
    "count(*)",
    f"sum({DURATION_NS})",
    f"max({DURATION_NS})",
    f"min({TIME_NS})",
    f"max({TIME_NS})",
    "sum(coalesce(e.cpu_ns, d.cpu_ns))",
)
