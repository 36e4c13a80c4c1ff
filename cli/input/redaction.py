"""What --redact hides on this machine: what execdb knows, and the patterns in the files of
options."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from execdb.cli.command import option_files
from execdb.store.errors import UsageError

if TYPE_CHECKING:
    from execdb.store.event import Event
    from execdb.store.redaction.own_patterns import OwnPattern

_PATTERNS_MAX = 32
_SPLIT_MAX = 65_536  # characters: the time of shlex.split grows with the square of a word


def own_patterns(context: Any) -> "tuple[OwnPattern, ...]":
    """Raises UsageError for a pattern that cannot be used, naming its file."""
    from execdb.store.linear_regex import BadPattern
    from execdb.store.redaction.own_patterns import OwnPattern

    found = []
    for given in option_files(context).patterns():
        try:
            found.append(OwnPattern(given.value))
        except BadPattern as error:
            raise UsageError(f"{given.place}: {given.value!r}: {error}") from None
        if len(found) > _PATTERNS_MAX:
            raise UsageError(f"{given.place}: there are more than {_PATTERNS_MAX} patterns")
    return tuple(found)


def value_redactor(
    context: Any, fields: Sequence[str]
) -> "Callable[[tuple[Any, ...]], tuple[Any, ...]]":
    """What hides secrets in values of these fields: `argv` is a list of arguments, `command` a line
    quoted for a shell. Raises UsageError."""
    from execdb.store.redaction.argv import Remembering, redact_text

    own = own_patterns(context)
    redact = Remembering(own)

    def shown(field: str, value: Any) -> Any:
        if field == "argv" and isinstance(value, tuple | list):
            return redact(tuple(value))
        if field == "command" and isinstance(value, str):
            if len(value) > _SPLIT_MAX:
                return redact_text(value, own)
            try:
                return shlex.join(redact(tuple(shlex.split(value))))
            except ValueError:  # it was not quoted by execdb
                return redact_text(value, own)
        return value

    return lambda values: tuple(map(shown, fields, values))


def redactor(context: Any) -> "Callable[[Iterable[Event]], Iterator[Event]]":
    """What hides secrets in the arguments of events. Raises UsageError."""
    from execdb.store.redaction.argv import redact_events

    return partial(redact_events, own=own_patterns(context))
