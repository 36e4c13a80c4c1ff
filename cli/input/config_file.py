"""The config as TOML: what `config export` writes and `config apply` reads. Pure, except for names
of users."""

import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from execdb.cli.input.sizes import parse_size
from execdb.store.config.applying import Wanted
from execdb.store.config.entry import ENTRIES_MAX, check_message
from execdb.store.config.limit import LIMITS_MAX, NONE, Limit, check_limit
from execdb.store.config.rule import RULES_MAX, Action, Rule, make_rule
from execdb.store.config.snapshot import Config
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.terms.parse import Reader

_PARTS = ("default", "messages", "rules", "limits")
_EVERY_OTHER = -1  # instead of a uid: every user without a limit of its own
_LINES_MAX = 1_000  # of one value

T = TypeVar("T")


def toml_of(config: Config) -> str:
    """Raises ExecdbError for a rule that no text file can say."""
    import tomli_w

    document = {
        "default": config.default,
        "messages": {str(uid): message for uid, message in config.entries.items()},
        "rules": [_rule_as_toml(rule) for rule in config.rules],
        "limits": {
            "default": _limit_as_toml(config.default_limit),
            **{str(uid): _limit_as_toml(limit) for uid, limit in config.limits.items()},
        },
    }
    return tomli_w.dumps({name: value for name, value in document.items() if value is not None})


def _rule_as_toml(rule: Rule) -> dict[str, Any]:
    try:
        str(rule).encode()
    except UnicodeEncodeError:
        raise ExecdbError(
            f"rule {rule.number} names bytes that are not UTF-8, which TOML cannot hold: "
            f"execdb config remove {rule.number}"
        ) from None
    note = {} if rule.note is None else {"note": rule.note}
    return {"action": str(rule.action), "terms": list(rule.terms)} | note


def _limit_as_toml(limit: Limit) -> dict[str, Any]:
    return {
        name: "none" if value == NONE else value
        for name, value in limit._asdict().items()
        if value is not None
    }


def wanted_of(text: str, uid_of: Callable[[str], int]) -> Wanted:
    """The config that a file asks for. Raises UsageError with the line and what is wrong."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        why = why.replace("at end of document", f"at line {len(text.splitlines())}")
        raise UsageError(f"not TOML: {why}") from None
    document_of = _Document(uid_of)
    wanted = document_of.read(document)
    if document_of.errors:
        line = _line_of(text, document_of.errors[0], uid_of)
        raise UsageError(f"line {line}: {document_of.errors[0]}")
    return wanted


def _line_of(text: str, error: str, uid_of: Callable[[str], int]) -> int:
    """The first line at which the file has this error. TOML's parser keeps no lines, so ever
    shorter beginnings of the file are read; one that ends within a value is read to its end."""
    lines = text.split("\n")

    def has_error(number: int) -> bool:
        for until in range(number, min(number + _LINES_MAX, len(lines)) + 1):
            try:
                document = tomllib.loads("\n".join(lines[:until]))
            except tomllib.TOMLDecodeError:
                continue
            part = _Document(uid_of)
            part.read(document)
            return error in part.errors
        return True

    return bisect_left(range(len(lines)), True, key=lambda at: has_error(at + 1)) + 1


class _Document:
    """Reads a parsed file; `errors` are all that is wrong with it."""

    def __init__(self, uid_of: Callable[[str], int]) -> None:
        self._uid_of = uid_of
        self._reader = Reader(uid_of, _no_time)
        self.errors: list[str] = []

    def read(self, document: Mapping[str, Any]) -> Wanted:
        wanted = Wanted()
        default = wanted.default
        with self._noting(""):
            _only(document, _PARTS)
        with self._noting("default: "):
            default = _message(document.get("default", default))
        limits = self._by_user(document, "limits", LIMITS_MAX, self._limit)
        return Wanted(
            default,
            self._by_user(document, "messages", ENTRIES_MAX, _message),
            self._rules(document),
            {uid: limit for uid, limit in limits.items() if uid != _EVERY_OTHER},
            limits.get(_EVERY_OTHER, wanted.default_limit),
        )

    def _by_user(
        self, document: Mapping[str, Any], part: str, most: int, read: Callable[[Any], T]
    ) -> dict[int, T]:
        found: dict[int, T] = {}
        table = document.get(part, {})
        if not isinstance(table, dict):
            self.errors.append(f"{part} is no table: give [{part}]")
            return found
        for name, value in table.items():
            with self._noting(f"{part}, {name}: "):
                uid = _EVERY_OTHER if (part, name) == ("limits", "default") else self._uid_of(name)
                if uid in found:
                    raise UsageError(f"uid {uid} is there already")
                found[uid] = read(value)
                if len(found) - (_EVERY_OTHER in found) > most:
                    raise UsageError(f"there is room for {most} {part}")
        return found

    def _rules(self, document: Mapping[str, Any]) -> list[Rule]:
        found: list[Rule] = []
        tables = document.get("rules", [])
        if not isinstance(tables, list):
            self.errors.append("rules are no list: give each as [[rules]]")
            return found
        for number, table in enumerate(tables, 1):
            with self._noting(f"rule {number} of the file: "):
                if number > RULES_MAX:
                    raise UsageError(f"there is room for {RULES_MAX} rules")
                found.append(self._rule(table))
        return found

    def _rule(self, table: Any) -> Rule:
        if not isinstance(table, dict):
            raise UsageError("not a table: give each as [[rules]]")
        _only(table, ("action", "terms", "note"))
        if table.get("action") not in list(Action):
            raise UsageError(f"the action is one of {', '.join(Action)}")
        terms, note = table.get("terms", []), table.get("note")
        if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
            raise UsageError("the terms are no list of texts")
        if not isinstance(note, str | None):
            raise UsageError("the note is no text")
        return make_rule(0, Action(table["action"]), self._reader.terms(terms), note)

    def _limit(self, table: Any) -> Limit:
        if not isinstance(table, dict):
            raise UsageError('not a table: give { execs = 100, bytes = "2MB" }')
        _only(table, Limit._fields)
        parts = {name: _limit_part(name, value) for name, value in table.items()}
        return check_limit(Limit(**parts))

    @contextmanager
    def _noting(self, where: str) -> Iterator[None]:
        """Inside, what is wrong is noted instead of raised."""
        try:
            yield
        except UsageError as error:
            self.errors.append(f"{where}{error}")


def _message(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError("a message is a text, in quotes")
    return check_message(value)


def _limit_part(name: str, value: Any) -> int:
    if value == "none":
        return NONE
    if name == "bytes" and isinstance(value, str):
        return parse_size(value)
    if type(value) is not int or value == NONE:
        raise UsageError(f'{name} is a number or "none"')
    return value


def _only(table: Mapping[str, Any], names: Iterable[str]) -> None:
    unknown = [name for name in table if name not in names]
    if unknown:
        raise UsageError(f"there is no {unknown[0]!r} here, only {', '.join(names)}")


def _no_time(text: str) -> int:
    raise UsageError("a rule has no times")
