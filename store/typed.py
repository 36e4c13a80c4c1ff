"""Whether what was read is of the types that we write: SQLite keeps any value in any column."""

import types
from typing import Any, NamedTuple, get_args, get_origin

from execdb.store.errors import DatabaseError


class Types:
    """What the fields of a named tuple may be, as it is annotated; checks values against that."""

    def __init__(self, kind: type[NamedTuple]) -> None:
        self._names = kind._fields
        self._allowed = [_kinds(kind.__annotations__[name]) for name in kind._fields]
        self._good: set[tuple[type, ...]] = set()  # combinations that were looked at

    def check(self, values: tuple[Any, ...]) -> None:
        """Raises DatabaseError naming the first field of a type that it cannot have."""
        kinds = tuple(map(type, values))
        if kinds in self._good:
            return
        for name, kind, allowed in zip(self._names, kinds, self._allowed, strict=True):
            if kind not in allowed:
                raise DatabaseError(
                    f"the database does not hold together: a {name} is {_A.get(kind, _ELSE)}"
                )
        self._good.add(kinds)


def _kinds(annotation: Any) -> set[type]:
    parts = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return {get_origin(part) or part for part in parts}


_A = {type(None): "missing", int: "a number", float: "a fraction", str: "text", bytes: "no text"}
_ELSE = "something else"
