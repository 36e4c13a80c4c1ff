"""What ran for the first time, as `overview.newcomers` says it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from execdb.store.central.asking.reading import Portion, Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import union
from execdb.store.central.asking.sums.grouping import Grouping
from execdb.store.overview.newcomers import Alike, Found, Newcomer, alike, fields_of
from execdb.store.reading.filter import Filter
from execdb.store.terms.names import require_groupable


class Newcomers:
    """Finds what ran for the first time on a host."""

    def __init__(self, session: Session, roster: Roster, reading: Reading) -> None:
        self._session, self._roster, self._reading = session, roster, reading

    def of(self, wanted: Filter, baseline_ns: int | None, by: Sequence[str]) -> list[Newcomer]:
        """Oldest first; keys of events are a run and an id. Raises UsageError, CentralError."""
        require_groupable(by)
        found = Found()
        since_ns = wanted.since_ns or 0
        first_ns: dict[tuple[int, int], int] = {}
        for group, time_ns in self._groups(self._reading.portions(wanted), by):
            found.add(group)
            first_ns[group.first] = time_ns
        before = replace(wanted, since_ns=None, until_ns=since_ns)
        begin_ns = None if baseline_ns is None else since_ns - baseline_ns
        earlier = self._reading.portions(replace(before, since_ns=begin_ns))
        for portions in (self._seen(before), earlier):
            if wanted.since_ns is None or not found.new:
                break
            for group, _ in self._groups(portions, by):
                found.forget(group)
        return sorted(found.new.values(), key=lambda each: (first_ns[each.first], each.first))

    def _seen(self, before: Filter) -> Iterator[Portion]:
        """What ran before a collector did. There is little of it, so a check of each will do."""
        scope = self._reading.scope(before)._replace(seen=True, recorded=False)
        question = self._reading.asked(before)
        if not question.rest:
            yield Portion(scope, question.conditions)
            return
        keys = [(each.run_id, each.id) for each in self._reading.checked(scope, question)]
        yield Portion(scope._replace(keys=keys))

    def _groups(
        self, portions: Iterator[Portion], by: Sequence[str]
    ) -> Iterator[tuple[Alike, int]]:
        """Rows that are alike, and the time of the first one."""
        fields = fields_of(by)
        grouping = Grouping(fields, self._roster.by_id)
        first = f"min(ARRAY[{self._reading.moment}, e.id, e.run_id])"
        columns = ", ".join((*grouping.columns, "count(*)", first))
        numbers = ", ".join(str(1 + at) for at, _ in enumerate(grouping.columns))
        for portion in portions:
            query = union(columns, portion.scope, portion.conditions, f"GROUP BY {numbers}")
            for row in self._session.sums(*self._reading.with_shifts(query)):
                known = dict(zip(fields, grouping.values(row), strict=True))
                time_ns, id_, run_id = row[-1]
                yield alike(by, known, row[-2], (run_id, id_)), time_ns
