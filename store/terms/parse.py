"""The language of terms: how a person says which events.

    comm=gcc,cc1  comm!=sed  filename=/tmp/*  exit_code=1..  duration=5s..1m  errno=null
    signal=KILL  uid=alice  argv=*secret*  command~=REGEX

A field and an operator, `=`, `!=`, `~=` or `!~=`, and one or more values with commas between. A
backslash takes its meaning from the character behind it: `\\,` is a comma, `\\*` a star. A regular
expression is one value: its commas and backslashes are its own.

Pure, except for names of users and the time of day, which are parameters.
"""

import re
import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from errno import errorcode

from execdb.store.errors import UsageError
from execdb.store.kinds import ENDINGS, Kind
from execdb.store.terms.names import KINDS, SHORT, what_was_meant
from execdb.store.terms.short_forms import merged
from execdb.store.terms.term import Found, Glob, Range, Term, Value
from execdb.store.terms.times import parse_length

_TERM = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(!~=|!=|~=|=)", re.ASCII)
_PIECE = re.compile(r"((?:[^,\\]|\\.|\\$)*)(,?)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_IN_NS = re.compile(r"\w+_ns!?=", re.ASCII)  # a key that counts ns takes them, as JSON has them
_INT64 = 1 << 63
# The least and the greatest number that is read as such, and what the others are not: of few kinds
# so many are impossible that one of these is a mistake, not a question.
_ANY_NUMBER = 1 - _INT64, _INT64 - 1, "a number"
_SIGNALS = 1, signal.NSIG - 1
_POSSIBLE = {
    Kind.SIGNAL: (*_SIGNALS, "a signal's name or number, {} to {}".format(*_SIGNALS)),
    Kind.EXIT_CODE: (0, 255, "an exit code, 0 to 255"),
}


@dataclass(frozen=True)
class Reader:
    """Reads terms. `uid_of` and `time_of` turn what people write into numbers and raise
    UsageError. In those that somebody types, `==` is a mistake; stored ones may have it."""

    uid_of: Callable[[str], int]
    time_of: Callable[[str], int]
    typed: bool = False

    def terms(self, texts: Iterable[str]) -> tuple[Term, ...]:
        """All must hold; `merged` says how several about one field are read. Raises UsageError."""
        return merged(map(self.term, texts))

    def term(self, text: str) -> Term:
        """Raises UsageError, with the place."""
        found = _TERM.match(text)
        if found is None:
            raise UsageError(f"{_shown(text)} is no term: give FIELD=VALUE, as comm=gcc")
        field, operator = found.groups()
        if field not in KINDS:
            meant = what_was_meant(field, KINDS)
            raise UsageError(f"{_shown(text)}: there is no field {field}: {meant}")
        kind, field = KINDS[field], SHORT.get(field, field)
        at, value = found.end(), text[found.end() :]
        if self.typed and value.startswith("=") and not operator.endswith("~="):
            meant = _shown(text[:at] + text[at + 1 :])
            raise UsageError(
                f"{_at(text, at)}: write {meant}, or \\= where a value really begins with ="
            )
        negated = operator.startswith("!")
        if operator.endswith("~="):
            return Term(field, (_expression(text, kind, at),), negated)
        return Term(field, tuple(self._values(text, kind, at, value)), negated)

    def _values(self, text: str, kind: Kind, at: int, value: str) -> Iterator[Value]:
        place, comma = 0, ","
        while comma:
            piece = _PIECE.match(value, place)
            assert piece is not None  # it matches anything, even nothing
            yield self._value(text, kind, at + place, piece[1])
            place, comma = piece.end(), piece[2]

    def _value(self, text: str, kind: Kind, at: int, raw: str) -> Value:
        if raw == "null":
            return None
        if kind is Kind.ERRNO:
            return _errno(text, at, raw)
        if kind is Kind.ENDING:
            return _ending(text, at, raw)
        if kind.is_text or kind is Kind.TEXTS:
            return _text(raw)
        if kind is Kind.BOOL:
            return _bool(text, at, raw)
        first, dots, last = raw.partition("..")
        if not dots:
            return self._number(text, kind, at, raw)
        if not first and not last:
            raise UsageError(f"{_at(text, at)}: a range wants a number on one side at least")
        least = self._number(text, kind, at, first) if first else None
        most = self._number(text, kind, at + len(first) + 2, last) if last else None
        if least is not None and most is not None and least > most:
            raise UsageError(f"{_at(text, at)}: nothing lies between {first} and {last}")
        return Range(least, most)

    def _number(self, text: str, kind: Kind, at: int, raw: str) -> int:
        if _IN_NS.match(text) and _NUMBER.fullmatch(raw) and abs(int(raw)) < _INT64:
            return int(raw)
        try:
            if kind is Kind.UID:
                return self.uid_of(raw)
            if kind in (Kind.TIME, Kind.TIME_TEXT):
                return self.time_of(raw)
        except UsageError as error:
            raise UsageError(f"{_at(text, at)}: {error}") from None
        if kind is Kind.DURATION:
            return _length_ns(text, at, raw)
        if kind is Kind.SIGNAL and (number := _signal(raw)) is not None:
            return number
        least, most, wanted = _POSSIBLE.get(kind, _ANY_NUMBER)
        if not _NUMBER.fullmatch(raw) or not least <= int(raw) <= most:
            raise UsageError(f"{_at(text, at)}: {_shown(raw)} is not {wanted}")
        return int(raw)


def _expression(text: str, kind: Kind, at: int) -> Found:
    if not kind.is_text and kind is not Kind.TEXTS:
        raise UsageError(f"{_shown(text)}: a regular expression is for text: use = with a value")
    try:
        re.compile(text[at:])
    except (re.error, RecursionError, OverflowError) as error:
        where = getattr(error, "pos", None)
        message = getattr(error, "msg", str(error))
        raise UsageError(f"{_at(text, at + (where or 0))}: {message}") from None
    return Found(text[at:])


def _text(raw: str) -> str | Glob:
    plain, escaped = [], False
    for char in raw:
        if escaped or char not in "*?\\":
            plain.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            return Glob(raw)
    return "".join(plain)


def _errno(text: str, at: int, raw: str) -> str | Glob:
    """`ENOENT`, `enoent` or `2`; a number that has no name is recorded as it is."""
    if raw.isascii() and raw.isdigit():
        return errorcode.get(int(raw[:9]), raw)
    return _one_of(text, at, raw.upper(), errorcode.values(), "an error's name or number")


def _ending(text: str, at: int, raw: str) -> str | Glob:
    return _one_of(text, at, raw, ENDINGS, f"one of {', '.join(ENDINGS)}, null")


def _one_of(text: str, at: int, raw: str, known: Collection[str], wanted: str) -> str | Glob:
    value = _text(raw)
    if isinstance(value, Glob) or value in known:
        return value
    near = get_close_matches(value, known, n=1)
    hint = f": did you mean {near[0]}?" if near else ""
    raise UsageError(f"{_at(text, at)}: {_shown(raw)} is not {wanted}{hint}")


def _signal(raw: str) -> int | None:
    """`KILL`, `SIGKILL` or `kill`, by signal(7)."""
    name = raw.upper().removeprefix("SIG")
    found = signal.Signals.__members__.get(f"SIG{name}")
    return None if found is None else int(found)


def _bool(text: str, at: int, raw: str) -> int:
    words = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0}
    if raw.lower() not in words:
        raise UsageError(f"{_at(text, at)}: {_shown(raw)} is neither true nor false")
    return words[raw.lower()]


def _length_ns(text: str, at: int, raw: str) -> int:
    """`200ms`, `5s`, `1h30m`, `0`."""
    if raw == "0":
        return 0
    length_ns = parse_length(raw)
    if length_ns is None:
        raise UsageError(f"{_at(text, at)}: {_shown(raw)} is not a length of time: give 5s, 200ms")
    return length_ns


def _at(text: str, at: int) -> str:
    return f"{_shown(text)}, character {at + 1}"


_SHOWN_MAX = 80


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}...")
