"""Events a page at a time."""

from collections.abc import Callable
from functools import partial

from execdb.store.browsing.pages import Moment, Page
from execdb.store.central.asking.conditions import Asked, Condition
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.sources import Scope
from execdb.store.central.tables.layout import TIME_NS
from execdb.store.event import Event
from execdb.store.reading.filter import Filter

_LAST_ID = (1 << 63) - 1


class Paging:
    """Reads the list for a page. Raises CentralError."""

    def __init__(self, reading: Reading, moment_of: Callable[[Event], Moment]) -> None:
        self._reading, self._moment_of = reading, moment_of

    def page(
        self,
        wanted: Filter,
        size: int,
        *,
        newest_first: bool,
        after: Moment | None,
        late: Callable[[], bool],
    ) -> Page:
        """As `Browsed.page`: it can go on behind each event, and between parts."""
        question, scope = self._reading.asked(wanted), self._reading.scope(wanted)
        if after is not None:
            question, scope = self._behind(after, newest_first, question, scope)
        read = partial(self._reading.rows, question=question, reverse=newest_first, limit=size + 1)
        wants, found = question.wants, list[Event]()
        begun = False
        for part in self._reading.parts(scope, newest_first, small=True):
            if begun and late():
                return Page(found, _before(part, newest_first), True)
            begun = True
            for event in read(part):
                if wants(event):
                    if len(found) == size:
                        return Page(found, self._moment_of(found[-1]), False)
                    found.append(event)
                elif late():
                    return Page(found, self._moment_of(event), True)
        return Page(found, None, False)

    def _behind(
        self, after: Moment, newest_first: bool, question: Asked, scope: Scope
    ) -> tuple[Asked, Scope]:
        """The same from a moment on, that moment not included."""
        operator = "<" if newest_first else ">"
        place = f"({self._reading.moment}, {TIME_NS}, e.id, e.run_id)"
        behind = Condition(
            f"{place} {operator} (%s::bigint, %s::bigint, %s::bigint, %s::bigint)", after
        )
        question = question._replace(conditions=[*question.conditions, behind])
        if not self._reading.in_order_of_time:
            return question, scope
        if newest_first:
            last_ns = after.time_ns + 1
            return question, scope._replace(until_ns=min(scope.until_ns or last_ns, last_ns))
        first_ns = after.time_ns
        return question, scope._replace(since_ns=max(scope.since_ns or first_ns, first_ns))


def _before(part: Scope, newest_first: bool) -> Moment:
    """The last moment before a part, in the order of reading."""
    if newest_first:
        last_ns = (part.until_ns or 0) - 1
        return Moment(last_ns, last_ns, _LAST_ID, _LAST_ID)
    first_ns = part.since_ns or 0
    return Moment(first_ns, first_ns, -_LAST_ID)
