"""Whole numbers as people type them, for Typer's `parser`: an error names what is accepted."""

import re

import typer

_PID_MAX = 2**32 - 1
_INT64_MAX = 2**63 - 1


def process_id(text: str) -> int:
    """Raises typer.BadParameter, as all of these do."""
    return _whole(text, 0, _PID_MAX, f"a process id, 0 to {_PID_MAX}")


def event_id(text: str) -> int:
    """Below 0 for programs that ran before a collector started."""
    return _whole(text, -_INT64_MAX - 1, _INT64_MAX, "the id of an event, such as 42")


def event_count(text: str) -> int:
    return _whole(text, 0, _INT64_MAX, "a whole number, 0 or more")


def _whole(text: str, least: int, most: int, wanted: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text) and least <= int(text) <= most:
        return int(text)
    raise typer.BadParameter(f"{text!r} is not {wanted}")
