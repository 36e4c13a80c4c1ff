"""Whether an event satisfies terms, as a plain function: what SQL says of rows, said of values.

For events that are shown live, followed, or tried against rules. A field that has no value (null)
equals nothing but `null`, so it satisfies every negation but `!=null`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from execdb.store.terms.term import Found, Glob, Range, Term, Value

Predicate = Callable[[Mapping[str, Any]], bool]


class Regex(Protocol):
    """A compiled regular expression: of `re`, or LinearRegex."""

    def search(self, text: str, /) -> object: ...
    def fullmatch(self, text: str, /) -> object: ...


Compile = Callable[[str], Regex]


def matcher(terms: Iterable[Term], compile: Compile = re.compile) -> Predicate:
    """Tells whether all terms hold for an event, given as its keys' values."""
    tests = [(term.field, _any_of(term.any_of, compile), not term.negated) for term in terms]

    def holds(event: Mapping[str, Any]) -> bool:
        return all(_holds(test, event[field]) is wanted for field, test, wanted in tests)

    return holds


def _holds(test: Callable[[Any], bool], value: Any) -> bool:
    """Of a list, whether it holds for any of its elements."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(map(test, value))
    return test(value)


def _any_of(values: Sequence[Value], compile: Compile) -> Callable[[Any], bool]:
    tests = [_test(value, compile) for value in values]
    return tests[0] if len(tests) == 1 else lambda given: any(test(given) for test in tests)


def _test(value: Value, compile: Compile) -> Callable[[Any], bool]:
    if isinstance(value, Range):
        return lambda given: (
            given is not None
            and (value.least is None or given >= value.least)
            and (value.most is None or given <= value.most)
        )
    if isinstance(value, Glob):
        whole = compile(f"(?s){value.regex().pattern}").fullmatch
        return lambda given: given is not None and bool(whole(given))
    if isinstance(value, Found):
        search = compile(value.pattern).search
        return lambda given: given is not None and bool(search(given))
    return lambda given: given == value and (given is None) is (value is None)
