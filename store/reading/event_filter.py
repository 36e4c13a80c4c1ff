"""Whether an event is one that a filter asks for: `Filter` on values instead of rows."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from execdb.store.event import Event
from execdb.store.fields import OF_THE_END
from execdb.store.replay_root import is_replayed
from execdb.store.terms.match import Compile, matcher
from execdb.store.terms.term import COMMAND, Term

if TYPE_CHECKING:
    from execdb.store.reading.filter import Filter


@dataclass(frozen=True)
class StartFilter:
    """The part of a Filter that can be asked of programs as they start."""

    terms: tuple[Term, ...] = ()
    descendants_of: tuple[int, ...] = ()
    failed: ClassVar[None] = None
    running: ClassVar[bool] = False
    replays: ClassVar[bool] = True


class EventFilter:
    """Tells of events, given in order of their ids, whether they are wanted. `family` are the rows
    that the wanted ancestors have started so far, if there are any. The time is not looked at.
    `compile` is for patterns and regular expressions; a recorder must not give it those of `re`,
    which an argument can keep busy for ever."""

    def __init__(
        self,
        wanted: "Filter | StartFilter",
        family: Iterable[int] = (),
        compile: Compile = re.compile,
    ) -> None:
        self._wanted = wanted
        terms = wanted.terms
        self._all = _Terms(terms, compile)
        of_start = (term for term in terms if term.field not in OF_THE_END)
        self._of_start = _Terms(of_start, compile)
        self._family: set[int] | None = None
        if wanted.descendants_of:
            self._family = {*wanted.descendants_of, *family}
        self._replays = wanted.replays
        self.about_the_end = wanted.failed is not None or any(
            term.field in OF_THE_END for term in terms
        )

    def may_want(self, event: Event) -> bool:
        """Whether what was known at the exec does not rule the event out. To be asked once for each
        event, since its descendants are recognised by it."""
        if not self._replays and is_replayed(event.cgroup):
            return False
        if self._family is not None:
            if event.parent_id not in self._family:
                return False
            self._family.add(event.id)
        return self._of_start.hold(event)

    def wants(self, event: Event) -> bool:
        """The same with what is known now, of an event that it `may_want`."""
        failed = self._wanted.failed
        if failed is not None and failed is not _failed(event):
            return False
        if self._wanted.running and (event.errno is not None or event.ended is not None):
            return False
        return self._all.hold(event)


class _Terms:
    """Makes of an event only the values that the terms are about."""

    def __init__(self, terms: Iterable[Term], compile: Compile) -> None:
        terms = tuple(terms)
        self._fields = frozenset(term.field for term in terms)
        self._holds = matcher(terms, compile)

    def hold(self, event: Event) -> bool:
        return self._holds({field: value_of(event, field) for field in self._fields})


def value_of(event: Event, field: str) -> Any:
    """Of a key of an event, or of COMMAND."""
    return shlex.join(event.argv) if field == COMMAND else getattr(event, field)


def _failed(event: Event) -> bool | None:
    """None if it runs, or was replaced by another exec."""
    if event.errno is not None:
        return True
    if event.ended in (None, "exec"):
        return None
    return event.ended == "signal" or event.exit_code != 0
