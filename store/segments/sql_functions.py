"""What SQL on a history may call: regular expressions, and command lines."""

import json
import re
import shlex
from functools import lru_cache
from typing import Any

from execdb.store.file.text import readable, storable


def regexp(pattern: str | bytes, value: object) -> bool | None:
    """SQL's `value REGEXP pattern`: whether the pattern is found. Null of null."""
    if not isinstance(value, (str, bytes)):
        return None if value is None else _compiled(pattern)(str(value)) is not None
    return _compiled(pattern)(readable(value)) is not None


def argument_regexp(pattern: str | bytes, argument: str) -> bool:
    """The same of a JSON string."""
    return _compiled(pattern)(json.loads(argument)) is not None


def command_line(arguments: str) -> str | bytes:
    """The arguments, a JSON array of JSON strings, as one line quoted for a shell."""
    return storable(shlex.join(map(json.loads, json.loads(arguments))))


@lru_cache(maxsize=64)
def _compiled(pattern: str | bytes) -> Any:
    return re.compile(readable(pattern)).search
