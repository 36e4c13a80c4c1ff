"""Holds events that were read and checked until the database is locked for them: few in memory,
many in a file without a name."""

import os
import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from execdb.store import event
from execdb.store.errors import ExecdbError

_MEMORY_BYTES = 8 << 20
_KINDS = ("Command", "Creds", "Place")


class Spool:
    """Lists of plain values, in order. No one else can open the file, and it vanishes with this
    process."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115

    def add(self, chunk: list[Any]) -> None:
        """Raises ExecdbError if there is too little space: the database needs as much again."""
        try:
            pickle.dump(chunk, self._file, pickle.HIGHEST_PROTOCOL)
            self._file.flush()
            size = self._file.tell()
            room = os.fstatvfs(self._file.fileno()) if size > _MEMORY_BYTES else None
        except OSError as error:
            raise _no_room(str(error.strerror)) from error
        if room is not None and room.f_bavail * room.f_frsize < size:
            raise _no_room("it needs more than half of the free space")

    def __iter__(self) -> Iterator[list[Any]]:
        self._file.seek(0)
        while True:
            try:
                chunk = _Reader(self._file).load()
            except EOFError:
                return
            yield chunk

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


class _Reader(pickle.Unpickler):
    """Makes the parts of events and nothing else. A pickle can name any function, and the owner of
    the file system of TMPDIR can return other bytes than were written."""

    def find_class(self, module: str, name: str) -> Any:
        if module == event.__name__ and name in _KINDS:
            return getattr(event, name)
        raise ExecdbError(f"a file in {tempfile.gettempdir()} was changed while execdb used it")


def _no_room(why: str) -> ExecdbError:
    return ExecdbError(
        f"too little space in {tempfile.gettempdir()}, where lines are kept before they are stored "
        f"({why}): set TMPDIR to a folder with more space; nothing was imported"
    )
