"""Which events: what query, replay and count share, as terms and as conditions in SQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, TableClause, and_, bindparam, func, not_, or_, select

from execdb.store.event import REPLACED
from execdb.store.reading.conditions import holds, of_argument, of_image, table_of
from execdb.store.replay_root import RECORDED_CGROUPS, REPLAY_CGROUP
from execdb.store.schema import tables
from execdb.store.schema.constants import NOT_WELL
from execdb.store.terms.match import Predicate, matcher
from execdb.store.terms.term import COMMAND, Range, Term

_image, _command, _argument = tables.image, tables.command, tables.argument


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
        """The terms about the fields of some tables, as `conditions.table_of` names them."""
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

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on columns of `image`, besides the time."""
        conditions = [of_image(term) for term in self.about("image")]
        errno, status = _image.c.errno, _image.c.status
        well = status.op("&")(NOT_WELL) == 0
        if self.failed:
            conditions.append(not_well())
        elif self.failed is not None:
            conditions += [errno.is_(None), status != REPLACED, well]
        if self.running:
            conditions += [errno.is_(None), status.is_(None)]
        if self.without_replays:
            conditions.append(not_replayed())
        return conditions

    def entries(self) -> dict[TableClause, Select[Any]]:
        """Queries for the ids of the wanted origins and programs, in order; only for a table with a
        condition on it. There are few of these, unlike arguments."""
        found = {}
        for table in (tables.program, tables.origin):
            wanted = [holds(term, table.c[term.field]) for term in self.about(table.name)]
            if wanted:
                found[table] = select(table.c.id).where(*wanted).order_by(table.c.id)
        return found


def not_replayed() -> ColumnElement[bool]:
    """That no live replay has started a row of `image`."""
    origin = tables.origin.c
    named = origin.cgroup.op("GLOB")(f"{REPLAY_CGROUP}[0-9]*")
    rest = func.ltrim(func.substr(origin.cgroup, len(REPLAY_CGROUP) + 1), "0123456789")
    named_so = or_(rest == "", rest == RECORDED_CGROUPS, rest.op("GLOB")(f"{RECORDED_CGROUPS}/*"))
    return _image.c.origin_id.not_in(select(origin.id).where(named, named_so))


def not_well() -> ColumnElement[bool]:
    """That a row of `image` did not do well: it was refused, or ended with a non-zero exit code or
    by a signal. As in `ending`: a status is null while the image runs, and replaced images did not
    end."""
    errno, status = _image.c.errno, _image.c.status
    ill = status.op("&")(NOT_WELL) != 0
    return or_(errno.is_not(None), and_(status != REPLACED, ill))


def arguments(term: Term) -> list[ColumnElement[bool]]:
    """The condition that an argument must meet to be one that a term about `argv` asks for."""
    return [or_(*map(of_argument, term.any_of))]


def commands(
    terms: Iterable[Term], found: Iterable[int], *, programs: bool
) -> list[ColumnElement[bool]]:
    """Conditions on commands: that the terms hold for them, and that they have one of the programs
    in `:program_id`. `found` has, for each term about `argv`, how many arguments fulfil it, up to
    FEW + 1: their ids are in `:argv_0` and so on."""
    conditions = [one_of(_command.c.program_id)] if programs else []
    counts = iter(found)
    for number, term in enumerate(terms):
        if term.field == "argv":
            conditions.append(_has_argument(number, next(counts), term.negated))
        elif term.field == COMMAND:
            conditions.append(holds(term, func.command_line(texts_of_command())))
        else:
            conditions.append(holds(term, _command.c[term.field]))
    return conditions


def _has_argument(number: int, count: int, negated: bool) -> ColumnElement[bool]:
    ids = _command.c.arguments
    value = func.json_each(ids).table_valued("value", joins_implicitly=True).c.value
    found = select(value).where(one_of(value, f"argv_{number}")).exists()
    if negated:
        return not_(found)
    if count > FEW:
        return found
    # Passes over most commands, at a fraction of the cost.
    each = (func.instr(ids, bindparam(f"argv_{number}_{n}")) > 0 for n in range(count))
    return and_(or_(*each), found)


def texts_of_command() -> ColumnElement[str]:
    """The arguments of a command as a JSON array of JSON strings."""
    place = func.json_each(_command.c.arguments).table_valued("key", "value", joins_implicitly=True)
    texts = (
        select(_argument.c.text)
        .select_from(place.join(_argument, _argument.c.id == place.c.value))
        .order_by(place.c.key)
        .subquery()
    )
    return select(func.json_group_array(texts.c.text)).scalar_subquery()


FEW = 8  # arguments, which are also in :argv_0_0, :argv_0_1 ... as text


def one_of(column: ColumnElement[int], name: str | None = None) -> ColumnElement[bool]:
    """That a column holds one of the ids in the parameter with its name, a JSON array."""
    each = func.json_each(bindparam(name or column.key)).table_valued("value")
    return column.in_(select(each.c.value))
