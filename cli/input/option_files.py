"""Defaults of options, and patterns of secrets: /etc/execdb.toml, then ~/.config/execdb.toml.

A table for each command, `[query]`, `[config.set]`, has its options by their long names; `db`
stands above them; `[redact]` has `patterns`. What the later file says replaces what the earlier one
says, except for patterns, which add up.
"""

import os
import pwd
import stat
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execdb.store.errors import ExecdbError, UsageError

SYSTEM = Path("/etc/execdb.toml")
VARIABLE = "EXECDB_OPTIONS"  # a file to read instead of both; empty: none
REDACT = "redact"
_BYTES_MAX = 65_536


@dataclass(frozen=True)
class Given:
    """A value, and where it stands: `/etc/execdb.toml: [query] limit`."""

    value: Any
    place: str


class OptionFiles:
    """What the files say. `tables` has the whole content of each, by its path; `paths` are all
    that were looked for, on behalf of `user`."""

    def __init__(
        self,
        tables: Mapping[Path, Mapping[str, Any]],
        paths: Sequence[Path] = (),
        user: int | None = None,
    ) -> None:
        self._tables, self._paths = tables, paths
        self._user = os.geteuid() if user is None else user

    def again(self) -> "OptionFiles":
        """What the same files say now. They have to belong to the same user as at the start, whose
        rights this process may have lost since: so a file that was not there then, and whose
        folder may not be searched any more, is still taken for missing. Raises as
        `read_option_files` does, and ExecdbError if one of the files is gone: it may come back in
        a moment, and without its limits a history would grow."""
        missing = {path for path in self._paths if path not in self._tables}
        found = _read_all(self._paths, self._user, missing)
        for path in self._tables:
            if path not in found._tables:
                raise ExecdbError(f"{path} is gone: make it empty to have no options from it")
        return found

    def options(self, command: tuple[str, ...]) -> dict[str, Given]:
        """The defaults of a command by their names, with `-` for `_`; `()` is execdb itself.
        Raises UsageError if something that should be a table is none."""
        found: dict[str, Given] = {}
        for path, table in self._each(command):
            for key, value in table.items():
                if not isinstance(value, dict):
                    name = f"[{'.'.join(command)}] {key}" if command else key
                    found[key.replace("_", "-")] = Given(value, f"{path}: {name}")
        return found

    def below(self, command: tuple[str, ...]) -> Iterator[Given]:
        """The names of the tables within that of a command."""
        for path, table in self._each(command):
            for key, value in table.items():
                if isinstance(value, dict):
                    yield Given(key, f"{path}: [{'.'.join((*command, key))}]")

    def patterns(self) -> Iterator[Given]:
        """The patterns of secrets. Raises UsageError for anything else in their table."""
        for path, table in self._each((REDACT,)):
            for key, value in table.items():
                place = f"{path}: [{REDACT}] {key}"
                if key != "patterns":
                    raise UsageError(f"{place}: there is no such key: {REDACT} has patterns")
                if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                    raise UsageError(f"{place}: give a list of texts")
                yield from (Given(each, place) for each in value)

    def _each(self, names: tuple[str, ...]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        for path, content in self._tables.items():
            table: Any = content
            for name in names:
                table = table.get(name, {})
                if not isinstance(table, dict):
                    raise UsageError(f"{path}: {'.'.join(names)} is not a table: write [{name}]")
            yield path, table


@contextmanager
def asked_by(option: str) -> Iterator[None]:
    """Inside, an error is of the value of this option: where a file gave it, that is said."""
    try:
        yield
    except ExecdbError as error:
        error.option = error.option or option
        raise


def read_option_files() -> OptionFiles:
    """Raises ExecdbError for a file that others could have written, or that was named and is not
    there, UsageError for one that is not
    TOML."""
    paths, user = _paths(), os.geteuid()
    # setpriv and runuser keep the HOME of root, which others may not search.
    if VARIABLE in os.environ:
        found = _read_all(paths, user)
        for path in paths:
            # A limit or a pattern of secrets would be missing. The usual file, which units of
            # systemd name, need not be there.
            if path not in found._tables and path != SYSTEM:
                raise ExecdbError(f"{path}, which {VARIABLE} names, is not there")
        return found
    hidden = [path for path in paths if path != SYSTEM and _owner(path.parents[1]) != user]
    return _read_all(paths, user, hidden)


def _read_all(paths: Sequence[Path], user: int, missing: Container[Path] = ()) -> OptionFiles:
    found = {}
    for path in paths:
        content = _read(path, user, may_be_hidden=path in missing)
        if content is not None:
            found[path] = _parsed(path, content)
    return OptionFiles(found, paths, user)


def _paths() -> Sequence[Path]:
    given = os.environ.get(VARIABLE)
    if given is not None:
        return [Path(given)] if given else []
    home = os.environ.get("HOME")
    if not home or _owner(Path(home)) not in (0, os.geteuid()):  # sudo may keep the caller's
        try:
            home = pwd.getpwuid(os.geteuid()).pw_dir
        except KeyError:  # a user without a name
            return [SYSTEM]
    return [SYSTEM, Path(home) / ".config/execdb.toml"]


def _owner(folder: Path) -> int | None:
    """None if it cannot be told."""
    try:
        return folder.stat().st_uid
    except (OSError, ValueError):
        return None


def _read(path: Path, user: int, *, may_be_hidden: bool) -> bytes | None:
    """None if there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if may_be_hidden and isinstance(error, PermissionError):
            return None
        raise ExecdbError(f"cannot read {path}: {error.strerror}") from error
    try:
        _require_own(path, os.fstat(fd), user)
        content = b""
        while part := os.read(fd, _BYTES_MAX + 1 - len(content)):
            content += part
    finally:
        os.close(fd)
    if len(content) > _BYTES_MAX:
        raise ExecdbError(f"{path} is over {_BYTES_MAX} bytes: these are not options of execdb")
    return content


def _require_own(path: Path, status: os.stat_result, user: int) -> None:
    """Raises ExecdbError if someone else than `user` may have written the file, or if it is
    none."""
    if not stat.S_ISREG(status.st_mode):
        raise ExecdbError(f"{path} is not a plain file: remove it, or set {VARIABLE}= to read none")
    if status.st_uid not in (0, user):
        raise ExecdbError(
            f"{path} belongs to uid {status.st_uid}, neither root nor you: chown it, or set "
            f"{VARIABLE}= to read none"
        )
    others = stat.S_IWOTH | (stat.S_IWGRP if user == 0 and status.st_gid else 0)
    if status.st_mode & others:
        raise ExecdbError(f"others may write to {path}: chmod go-w {path}")


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
        raise UsageError(f"{path} is not TOML: {error}") from None
