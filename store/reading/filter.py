"""Which events: what query, replay and count share. `conditions` makes SQL of it."""

from dataclasses import dataclass

from execdb.store.fields import FIELD_OF
from execdb.store.kinds import Group
from execdb.store.segments.dictionary import PROGRAM
from execdb.store.terms.match import Predicate, matcher
from execdb.store.terms.term import COMMAND, Range, Term

FEW = 8  # arguments, which a statement also has in :argv_0_0, :argv_0_1 ... as text


@dataclass(frozen=True)
class Filter:
    """Which events; None does not filter, and of `terms` all must hold.

    `since_ns` is the first moment inside, `until_ns` the first one after.
    """

    terms: tuple[Term, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None
    failed: bool | None = None  # True: what did not do well; False: what exited with 0
    running: bool = False  # only what has no end
    descendants_of: tuple[int, ...] = ()  # ids of rows: of any of them
    replays: bool = False  # also what live replays started
    without_replays: bool = False  # set where there are some, to be left out

    def __post_init__(self) -> None:
        """Terms about the time narrow the span: it is what says where to read."""
        for term in self.terms:
            only = term.any_of[0] if len(term.any_of) == 1 and not term.negated else None
            if term.field == "time_ns" and isinstance(only, Range):
                since_ns, until_ns = self.since_ns, self.until_ns
                if only.least is not None:
                    since_ns = max(only.least, since_ns or only.least)
                if only.most is not None:
                    until_ns = min(only.most + 1, until_ns or only.most + 1)
                object.__setattr__(self, "since_ns", since_ns)
                object.__setattr__(self, "until_ns", until_ns)

    def about(self, *where: str) -> tuple[Term, ...]:
        """The terms about the fields of some tables, as `table_of` names them."""
        return tuple(term for term in self.terms if table_of(term.field) in where)

    @property
    def of_runs(self) -> Predicate:
        """Whether the rows of a run may be wanted, by its run_id, host and boot_id."""
        return matcher(self.about("run"))

    def numbers(self, field: str) -> list[int] | None:
        """The only values of a field of `image` that are wanted, if they are listed."""
        for term in self.about("image"):
            numbers = [value for value in term.any_of if isinstance(value, int)]
            if term.field == field and not term.negated and len(numbers) == len(term.any_of):
                return numbers
        return None

    @property
    def of_rows(self) -> bool:
        """Whether there are conditions on rows of `image`, besides the time."""
        others = self.failed is not None or self.running or self.without_replays
        return others or bool(self.about("image"))


def table_of(field: str) -> str:
    """Where the values of a field are: image, origin, program, command, or run for those that are
    the same in all rows of a segment."""
    if field in PROGRAM:
        return "program"
    if field == COMMAND:
        return "command"
    if field == "run_id":
        return "run"
    group = FIELD_OF[field].group
    tables = {Group.ORIGIN: "origin", Group.COMMAND: "command", Group.BOOT: "run"}
    return tables.get(group, "image")
