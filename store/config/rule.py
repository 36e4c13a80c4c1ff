"""A rule: which execs are left out, or recorded, on purpose. Pure.

The kernel's program decides the same as `decide`, before it copies anything of an exec; a test
compares the two. So a rule can ask only for what is quickly looked up there: six fields, exact
values, and text that begins so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from execdb.store.errors import UsageError
from execdb.store.event import raw_of
from execdb.store.terms.names import COMM_MAX
from execdb.store.terms.term import Glob, Term, Value
from execdb.store.terms.write import text_of_term

RULES_MAX = 64
VALUES_MAX = 64  # in one rule, over all its terms
TEXT_MAX = 250  # bytes of a comm or filename; the kernel compares at most 255
CGROUP_MAX = 4_000  # bytes of a path
CGROUP_LEVELS = 15  # below the root
NOTE_MAX = 250  # characters
NUMBERS = ("uid", "euid", "loginuid")
FIELDS = (*NUMBERS, "comm", "filename", "cgroup")


class Action(StrEnum):
    """What becomes of an exec that matches."""

    IGNORE = "ignore"
    RECORD = "record"


@dataclass(frozen=True)
class Pattern:
    """Exactly these bytes, or with `prefix` all that begins with them."""

    raw: bytes
    prefix: bool

    def matches(self, raw: bytes) -> bool:
        return raw.startswith(self.raw) if self.prefix else raw == self.raw

    def holds_below(self, path: bytes) -> bool:
        """Of a path in a tree: whether this matches it, or a folder above it."""
        return self.matches(path) or (
            not self.prefix and path.startswith(self.raw.rstrip(b"/") + b"/")
        )


@dataclass(frozen=True)
class Rule:
    """`number` names the rule for good; where it stands is its place in a sequence. It matches if
    each field in `numbers` has one of the uids there (None: there is no login uid), and each in
    `patterns` matches one of those there. `terms` say the same as text."""

    number: int
    action: Action
    terms: tuple[str, ...]
    numbers: Mapping[str, tuple[int | None, ...]]
    patterns: Mapping[str, tuple[Pattern, ...]]
    note: str | None = None

    def __str__(self) -> str:
        return " ".join((self.action, *self.terms))

    @property
    def ignores(self) -> bool:
        return self.action is Action.IGNORE

    def matches(self, event: Mapping[str, Any]) -> bool:
        """`event` has the keys of an event, as at its exec."""
        return all(event[field] in wanted for field, wanted in self.numbers.items()) and all(
            _fits(field, event[field], wanted) for field, wanted in self.patterns.items()
        )


def decide(rules: Iterable[Rule], event: Mapping[str, Any]) -> Rule | None:
    """The rule that decides about an exec: the first one that matches; None: it is recorded."""
    return next((rule for rule in rules if rule.matches(event)), None)


def make_rule(number: int, action: Action, terms: Sequence[Term], note: str | None = None) -> Rule:
    """Raises UsageError for what the kernel could not decide; `terms` as `Reader.terms` gives
    them."""
    for term in terms:
        _check_term(term)
    if sum(len(term.any_of) for term in terms) > VALUES_MAX:
        raise UsageError(f"a rule names at most {VALUES_MAX} values: make two of it")
    return Rule(
        number,
        action,
        tuple(map(text_of_term, terms)),
        {t.field: tuple(map(_number(t.field), t.any_of)) for t in terms if t.field in NUMBERS},
        {t.field: tuple(map(_pattern(t.field), t.any_of)) for t in terms if t.field not in NUMBERS},
        None if note is None else check_note(note),
    )


def check_note(note: str) -> str:
    """Raises UsageError."""
    if len(note) > NOTE_MAX or not note.isprintable():
        raise UsageError(f"a note has at most {NOTE_MAX} characters, none of them a control one")
    return note


def _fits(field: str, text: str | None, patterns: Sequence[Pattern]) -> bool:
    if text is None:
        return False
    raw = raw_of(text)
    if field == "cgroup":
        return any(pattern.holds_below(raw) for pattern in patterns)
    return any(pattern.matches(raw) for pattern in patterns)


def _check_term(term: Term) -> None:
    """Raises UsageError."""
    if term.field not in FIELDS:
        raise UsageError(f"a rule cannot ask for {term.field}: only for {', '.join(FIELDS)}")
    if term.negated:
        raise UsageError(
            f"a rule cannot ask for {term.field}!=: put a rule for the exception before it"
        )


def _number(field: str) -> Callable[[Value], int | None]:
    def read(value: Value) -> int | None:
        if isinstance(value, int) or (value is None and field == "loginuid"):
            return value
        raise UsageError(f"{field} in a rule is one user or several, as {field}=0,1000")

    return read


def _pattern(field: str) -> Callable[[Value], Pattern]:
    most = {"comm": COMM_MAX, "cgroup": CGROUP_MAX}.get(field, TEXT_MAX)

    def read(value: Value) -> Pattern:
        if isinstance(value, Glob):
            text, prefix = _begin(field, value.pattern), True
        elif isinstance(value, str):
            text, prefix = value, False
        else:
            raise UsageError(f"{field} in a rule is a text, exact or with * at its end")
        raw = _raw(field, text)
        if field == "cgroup":
            raw = _cgroup(raw, prefix)
        if len(raw) > most:
            raise UsageError(f"{field} in a rule has at most {most} bytes, this one has {len(raw)}")
        return Pattern(raw, prefix)

    return read


def _raw(field: str, text: str) -> bytes:
    try:
        raw = raw_of(text)
    except UnicodeEncodeError:
        raise UsageError(f"{field} is not UTF-8 text") from None
    if b"\0" in raw:
        raise UsageError(f"{field} may not contain a NUL")
    return raw


def _begin(field: str, pattern: str) -> str:
    """What stands before the `*` at the end. Raises UsageError for any other pattern."""
    plain, escaped = [], False
    for at, char in enumerate(pattern):
        if escaped or char not in "*?\\":
            plain.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "?" or at < len(pattern) - 1:
            raise UsageError(f"{field} in a rule may have one *, at its end: {pattern!r}")
    return "".join(plain)


def _cgroup(raw: bytes, prefix: bool) -> bytes:
    if not raw.startswith(b"/") and raw + b"*" * prefix != b"*":
        raise UsageError("cgroup in a rule is a path from the root, as /system.slice/cron.service")
    if not prefix:
        raw = raw.rstrip(b"/") or b"/"
    if {b".", b".."} & {*raw.split(b"/")}:
        raise UsageError("cgroup in a rule has no . and .. in it")
    if raw.count(b"/") > CGROUP_LEVELS:
        raise UsageError(f"cgroup in a rule is at most {CGROUP_LEVELS} levels below the root")
    return raw
