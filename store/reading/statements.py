"""What a filter asks for as SQL, composed with SQLAlchemy. To import that takes longer than most
questions take, so a question without conditions does without."""

from functools import lru_cache
from sqlite3 import Connection
from typing import Any

from sqlalchemy import ColumnElement, Select, TableClause, bindparam, func, select
from sqlalchemy.dialects import sqlite

from execdb.store.reading.conditions import arguments, commands, conditions, holds, one_of
from execdb.store.reading.filter import Filter
from execdb.store.schema import tables
from execdb.store.terms.term import Term

_image = tables.image


class Statement:
    """A query composed with SQLAlchemy, run by sqlite3. Its SQL is made once: that takes longer
    than most queries take to run. Parameters that are left open are given when it is run."""

    def __init__(self, query: Select[Any]) -> None:
        compiled = query.compile(dialect=sqlite.dialect(paramstyle="named"))
        self._sql, self._values = compiled.string, compiled.params

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        return connection.execute(self._sql, {**self._values, **values}).fetchall()

    def column(self, connection: Connection, **values: Any) -> list[Any]:
        """The first value of each row."""
        return [row[0] for row in self.rows(connection, **values)]


def entries(wanted: Filter) -> dict[str, Statement]:
    """Statements for the ids of the wanted origins and programs, in order; only for a table with a
    condition on it. There are few of these, unlike arguments."""
    found = {}
    for table in (tables.program, tables.origin):
        of_table = [holds(term, table.c[term.field]) for term in wanted.about(table.name)]
        if of_table:
            found[table.name] = Statement(select(table.c.id).where(*of_table).order_by(table.c.id))
    return found


@lru_cache
def rows(wanted: Filter, lists: frozenset[str], reverse: bool) -> Statement:
    order = _image.c.id.desc() if reverse else _image.c.id
    query = select(_image).where(*conditions_of(wanted, lists))
    return Statement(query.order_by(order).limit(bindparam("size")))


@lru_cache
def count(wanted: Filter, lists: frozenset[str]) -> Statement:
    return Statement(select(func.count()).select_from(_image).where(*conditions_of(wanted, lists)))


def conditions_of(wanted: Filter, lists: frozenset[str]) -> list[ColumnElement[bool]]:
    """`lists` are columns of which the values are listed. A list of ids replaces the range."""
    within = [] if "id" in lists else [_between(_image)]
    return [*within, *conditions(wanted), *(one_of(_image.c[name]) for name in sorted(lists))]


@lru_cache
def arguments_with(term: Term) -> Statement:
    query = select(tables.argument.c.id).where(_between(tables.argument), *arguments(term))
    return Statement(query)


@lru_cache
def commands_with(asked: tuple[Term, ...], counts: tuple[int, ...], programs: bool) -> Statement:
    ids = tables.command.c.id, tables.command.c.program_id
    asked_for = commands(asked, counts, programs=programs)
    return Statement(select(*ids).where(_between(tables.command), *asked_for))


def _between(table: TableClause) -> ColumnElement[bool]:
    return table.c.id.between(bindparam("first"), bindparam("last"))
