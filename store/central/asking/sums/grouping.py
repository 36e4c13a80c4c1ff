"""The keys by which events can be grouped, in a central store."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from execdb.store.central.asking.roster import Run
from execdb.store.central.asking.rows import value_reader
from execdb.store.central.tables.layout import expression
from execdb.store.fields import FIELD_OF
from execdb.store.kinds import Group, Kind
from execdb.store.terms.term import COMMAND


class Grouping:
    """`columns` are what the server groups by: of what is the same in a whole run its number."""

    def __init__(self, fields: Sequence[str], runs: Mapping[int, Run]) -> None:
        self._fields, self._runs = fields, runs
        self.columns = tuple(dict.fromkeys(map(_column, fields)))
        self._readers = [_Reader(field, self.columns.index(_column(field))) for field in fields]

    def values(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """The values of the fields in a row that begins with the columns."""
        return tuple(reader.read(row, self._runs) for reader in self._readers)


class _Reader:
    def __init__(self, field: str, place: int) -> None:
        self._field, self._place = field, place
        key = FIELD_OF["argv" if field == COMMAND else field]
        self._of_run = key.group is Group.BOOT
        self._convert = bool if key.kind is Kind.BOOL else value_reader(key)

    def read(self, row: Sequence[Any], runs: Mapping[int, Run]) -> Any:
        value = row[self._place]
        if self._of_run:
            return runs[value].values[self._field] if value in runs else None
        if value is not None and self._convert is not None:
            value = self._convert(value)
        return shlex.join(value) if self._field == COMMAND else value


def _column(field: str) -> str:
    if field == COMMAND:
        return "e.argv"
    key = FIELD_OF[field]
    return "e.run_id" if key.group is Group.BOOT else expression(key)
