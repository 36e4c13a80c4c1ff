"""Numbers, times, ages and sizes as people type them, for Typer's `parser`, which also gets
defaults: an error names what is accepted."""

import math
import re
import time
from collections.abc import Callable

import typer

from execdb.cli.input.sizes import parse_size
from execdb.store.errors import UsageError
from execdb.store.terms.times import parse_age, parse_time

Typed = str | float
MARK = "mark:"  # begins a time that is that of a mark
_PID_MAX = 2**32 - 1
_INT64_MAX = 2**63 - 1
_RING_PAGES_MAX = 65_536
_DECIMAL = re.compile(
    r"([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})(e[+-]?[0-9]{1,3})?", re.IGNORECASE
)


def process_id(text: Typed) -> int:
    """Raises typer.BadParameter, as all of these do."""
    return _whole(text, 0, _PID_MAX, f"a process id, 0 to {_PID_MAX}")


def event_id(text: Typed) -> int:
    """Below 0 for programs that ran before a collector started."""
    return _whole(text, -_INT64_MAX - 1, _INT64_MAX, "the id of an event, such as 42")


def event_count(text: Typed) -> int:
    return _whole(text, 0, _INT64_MAX, "a whole number, 0 or more")


def port_number(text: Typed) -> int:
    return _whole(text, 0, 65_535, "a port, 0 to 65535")


def rule_number(text: Typed) -> int:
    return _whole(text, 0, _INT64_MAX, "the number of a rule, such as 3")


def ring_pages(text: Typed) -> int:
    pages = _whole(text, 1, _RING_PAGES_MAX, f"a power of two from 1 to {_RING_PAGES_MAX}")
    if pages & (pages - 1):
        near = 1 << pages.bit_length() - 1
        raise typer.BadParameter(f"{text!r} is not a power of two: {near} is")
    return pages


def seconds(text: Typed) -> float:
    return _decimal(text, math.inf, "a number of seconds, such as 10 or 1.5")


def factor(text: Typed) -> float:
    return _decimal(text, math.inf, "a number, 0 or more, such as 2 or 0.5")


def percent(text: Typed) -> float:
    return _decimal(text, 99, "a percentage from 0 to 99")


def moment(text: Typed) -> str:
    """As it was typed, such as 03:00 or mark:TEXT. What it means is found out where it is used."""
    return str(text) if str(text).startswith(MARK) else _readable(text, _parse_now)


def _parse_now(text: str) -> int:
    return parse_time(text, time.time_ns())


def baseline(text: Typed) -> str:
    """An age, or `all`."""
    return str(text) if text == "all" else age(text)


def age(text: Typed) -> str:
    """As it was typed, such as 30d."""
    return _readable(text, parse_age)


def size(text: Typed) -> str:
    """As it was typed, such as 2GB."""
    return _readable(text, parse_size)


def _readable(typed: Typed, parse: Callable[[str], int]) -> str:
    try:
        parse(str(typed))
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None
    return str(typed)


def _whole(typed: Typed, least: int, most: int, wanted: str) -> int:
    text = str(typed)
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text) and least <= int(text) <= most:
        return int(text)
    raise typer.BadParameter(f"{text!r} is not {wanted}")


def _decimal(typed: Typed, most: float, wanted: str) -> float:
    text = str(typed)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        if math.isfinite(number) and number <= most:
            return number
    raise typer.BadParameter(f"{text!r} is not {wanted}")
