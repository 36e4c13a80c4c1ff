"""The names of fields: those that terms take, and what is said of a name that is none of them."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from execdb.store.errors import UsageError
from execdb.store.event import raw_of, text_of
from execdb.store.fields import FIELD_OF, FIELDS
from execdb.store.kinds import Kind
from execdb.store.terms.term import COMMAND, Term

# What a term may name: every key of an event, and names that are shorter to type.
KINDS = {field.name: field.kind for field in FIELDS} | {COMMAND: Kind.TEXT}
SHORT = {"time": "time_ns", "duration": "duration_ns", "cpu": "cpu_ns"}
SHORT = {name: key for name, key in SHORT.items() if key in KINDS}
KINDS |= {name: KINDS[key] for name, key in SHORT.items()}

# What a table shows that is no key of an event, and the keys that say the same.
MADE = {"user": "uid", "end": "ended, exit_code, signal or errno", "took": "duration_ns"}
# What else is called otherwise elsewhere: near names would not lead there.
_MEANT = {
    **MADE,
    "path": "filename",
    "arg": "argv",
    "args": "argv",
    "cmdline": COMMAND,
    "failed": "exit_code, signal or errno",
}

COMM_MAX = 15  # bytes of a task's name
_OF_TASKS = ("comm", "caller")

# Every event has its own.
_UNIQUE = (
    *("id", "time_ns", "time", "boot_ns", "duration_ns", "cpu_ns", "max_rss_kb", "parent_id"),
)
GROUPABLE = (*(name for name in FIELD_OF if name not in _UNIQUE), COMMAND)


def what_was_meant(name: str, known: Collection[str]) -> str:
    """How to go on after a name that is not among those known, after a colon."""
    if name in _MEANT:
        return f"give {_MEANT[name]}"
    near = sorted((each for each in known if name and each.startswith(name)), key=len)
    near = near or get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"


def cut_names(terms: Iterable[Term]) -> Iterator[tuple[str, str]]:
    """The names of programs in these terms that the kernel does not keep whole, and what it keeps:
    no recorded event has them."""
    for term in terms:
        for value in term.any_of if term.field in _OF_TASKS else ():
            if isinstance(value, str) and len(as_bytes := raw_of(value)) > COMM_MAX:
                yield value, text_of(as_bytes[:COMM_MAX])


def groupable(fields: str) -> list[str]:
    """The keys in `a,b,c` to group events by. Raises UsageError."""
    names = [name.strip() for name in fields.split(",")]
    require_groupable(names)
    return names


def require_groupable(names: Collection[str]) -> None:
    """Raises UsageError for a key that events cannot be grouped by."""
    for name in names:
        if SHORT.get(name, name) in _UNIQUE:
            raise UsageError(f"nothing to group by: nearly every event has a {name} of its own")
        if name not in GROUPABLE:
            raise UsageError(f"there is no field {name!r}: {what_was_meant(name, GROUPABLE)}")
    if len(set(names)) < len(names):
        raise UsageError(f"a field is given twice: {', '.join(names)}")
