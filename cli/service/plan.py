"""What `service install` writes, from the options that it was given."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from execdb import DEFAULT_PATH
from execdb.cli.input.options.shared import LIVE
from execdb.cli.service import completion, man, options_file, places, safe_code, unit
from execdb.cli.service.marked import State, marked, state_of

# The options of the service where none are given. The group is not for the file, which every
# `collect` reads.
DEFAULTS: Mapping[str, object] = {"keep": "30d", "max-size": "2GB"}
GROUP: Mapping[str, object] = {"group": places.USER}


class File(NamedTuple):
    """A file to write, as it is now, and whether it is shown whole by --print."""

    path: Path
    text: str
    state: State
    shown: bool

    @property
    def kept(self) -> bool:
        """Whether it is the user's, and stays."""
        return self.state in (State.CHANGED, State.FOREIGN)


def files(given: Mapping[str, object], database: Path) -> list[File]:
    """`given` are options of `collect`. Raises OSError, UsageError if the file of options is not
    what it should be."""
    own = state_of(places.OPTIONS_FILE)
    current = collect_options()
    if own in (State.ABSENT, State.OURS):
        in_file = {**DEFAULTS, **current, **given}
        in_unit: dict[str, object] = {}
    else:
        in_file = dict(current)
        asked = {**DEFAULTS, **given}
        in_unit = {k: v for k, v in asked.items() if k in given or k not in current}
    in_unit |= {k: v for k, v in GROUP.items() if k not in in_file and k not in in_unit}
    where = None if str(database) == DEFAULT_PATH else str(database)
    if where is not None and own in (State.CHANGED, State.FOREIGN):
        in_unit["db"] = where
    python, code = safe_code.interpreter(), safe_code.code_folders()
    return list(
        _found(
            {
                places.SYSUSERS_FILE: unit.SYSUSERS,
                places.OPTIONS_FILE: options_file.options_file(in_file, where),
                places.UNIT_FILE: unit.unit(python, code, database, in_unit),
            },
            "#",
            shown=True,
        )
    ) + [*_found(completion.scripts(), "#"), *_found(_man_pages(), '.\\"')]


def _found(texts: Mapping[Path, str], comment: str, *, shown: bool = False) -> Iterator[File]:
    for path, text in texts.items():
        yield File(path, marked(text, comment), state_of(path), shown)


def _man_pages() -> dict[Path, str]:
    return {places.MAN / name: text for name, text in man.stored().items()}


def collect_options() -> dict[str, Any]:
    """What the file of options has for `collect`, by the names of the options."""
    found = dict(_options().get("collect", {}))
    return {name.replace("_", "-"): value for name, value in found.items()}


def options_of_a_start() -> dict[str, Any]:
    """What the file of options has that a running service does not take when it is reloaded."""
    live = {name.replace("_", "-") for name in LIVE}
    found = {name: value for name, value in collect_options().items() if name not in live}
    return found | {"db": _options().get("db")}


def _options() -> dict[str, Any]:
    try:
        return tomllib.loads(places.OPTIONS_FILE.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # what reads the options says what is wrong
        return {}
