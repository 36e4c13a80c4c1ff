"""Reads the files of options again while recording: what can change does, the rest is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import typer

from execdb.cli.command import option_files, parsed_again
from execdb.cli.input.options.shared import LIVE, bounds_of
from execdb.cli.input.redaction import own_patterns
from execdb.cli.output.failures import unexpected
from execdb.cli.output.streams import say
from execdb.cli.session.messages import warn
from execdb.cli.session.options import RecordOptions
from execdb.store.errors import ExecdbError


class Reload:
    """Call it to read the files again: it says in a line what came of it. `context` is that of
    `execdb collect`, whose `options` the recording began with."""

    def __init__(self, context: Any, options: RecordOptions) -> None:
        self._context, self._options = context, options
        self._given = dict(context.params)  # what now applies

    def __call__(self, apply: Callable[[RecordOptions], None]) -> None:
        """With something wrong in the files nothing changes."""
        try:
            again = parsed_again(self._context, option_files(self._context).again())
            options = _changed(self._options, again)
            differing = [name for name in again.params if again.params[name] != self._given[name]]
            patterns = options.redact != self._options.redact
            if patterns or any(name in LIVE for name in differing):
                apply(options)
        except (ExecdbError, typer.TyperException) as error:
            text = error.format_message() if isinstance(error, typer.TyperException) else error
            warn(f"the options stay as they were: {text}")
            return
        except Exception as error:  # whatever it is: a recording does not end because of it
            warn(f"the options stay as they were: {unexpected(error)}")
            return
        live = [name for name in differing if name in LIVE]
        self._options = options
        self._given |= {name: again.params[name] for name in live}
        said = [_said(name, again.params[name]) for name in live]
        if patterns and "redact" not in live:
            said.append("other patterns to redact")
        later = [_named(name) for name in differing if name not in LIVE]
        if again.obj != self._context.obj:
            later.append("--db")
        say(_sentence(said, later))


def _changed(options: RecordOptions, context: Any) -> RecordOptions:
    """Raises UsageError."""
    given = context.params
    return replace(
        options,
        bounds=bounds_of(given["keep"], given["max_size"]),
        min_free_percent=given["min_free"],
        redact=own_patterns(context) if given["redact"] else None,
    )


def _sentence(now: list[str], later: list[str]) -> str:
    parts = [f"now {', '.join(now)}"] if now else []
    if later:
        parts.append(f"{', '.join(later)} will change at the next start")
    return f"options read again: {'; '.join(parts) or 'nothing differs'}"


def _said(name: str, value: object) -> str:
    if value in (None, False):
        return f"no {_named(name)}"
    return _named(name) if value is True else f"{_named(name)} {value}"


def _named(name: str) -> str:
    return f"--{name.rstrip('_').replace('_', '-')}"
