"""The values that one can choose from, with how many events have them."""

import pwd
from collections.abc import Mapping
from heapq import nsmallest
from typing import Any, NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.web.view import View, term_of
from execdb.store.browsing.facets import Facets

_SHOWN = 8
_TITLES = {
    "outcome": "Outcome", "uid": "User", "comm": "Program", "container": "Container",
    "cgroup": "Control group",
}  # fmt: skip
_OUTCOMES: Mapping[str, tuple[str, str, str]] = {  # label, and the terms for and against it
    "succeeded": ("exit 0", "--succeeded", "exit_code!=0"),
    "exit": ("other exit code", "exit_code=1..", "exit_code!=1.."),
    "signal": ("signal", "ended=signal", "ended!=signal"),
    "refused": ("exec refused", "errno!=null", "errno=null"),
    "replaced": ("became another program", "ended=exec", "ended!=exec"),
    "running": ("no end known", "--running", "ended!=null"),
}


class Choice(NamedTuple):
    """A value that one can choose or exclude; `number` says how many events have it."""

    label: str
    title: str
    number: str
    only: str  # addresses
    without: str
    chosen: bool


class Choices(NamedTuple):
    """The most frequent values of a field."""

    title: str
    values: list[Choice]
    more: int  # values that are not shown


def choices(found: Facets, view: View, *, exact: bool, here: bool) -> list[Choices]:
    """`here`: all events are of this machine, whose names of users may be shown."""
    answer = []
    for field, title in _TITLES.items():
        values = found.get(field)
        known = [(v, n) for v, n in values.items() if v is not None] if values else []
        if known:
            first = nsmallest(_SHOWN, known, key=_most_first)
            shown = [_choice(field, value, n, view, exact, here) for value, n in first]
            answer.append(Choices(title, shown, len(known) - _SHOWN))
    return answer


def _most_first(item: tuple[Any, float]) -> tuple[float, str]:
    """Equally many by name, whoever has counted."""
    return -item[1], str(item[0])


def _choice(field: str, value: Any, number: float, view: View, exact: bool, here: bool) -> Choice:
    if field == "outcome":
        label, term, against = _OUTCOMES[value]
    else:
        label, term = _label(field, value, here), term_of(field, value)
        against = term.replace("=", "!=", 1)
    return Choice(
        label, escape(term), f"{'' if exact else '~'}{round(number):,}",
        view.with_word(term).address("/"), view.with_word(against).address("/"),
        term in view.words,
    )  # fmt: skip


def _label(field: str, value: Any, here: bool) -> str:
    """Raises TypeError for a uid that is none, which only a forged file has."""
    if field != "uid":
        return escape(str(value))
    if value and not here:
        return str(int(value))
    try:
        return f"{escape(pwd.getpwuid(value).pw_name)} ({value})"
    except (KeyError, OverflowError):
        return str(int(value))
