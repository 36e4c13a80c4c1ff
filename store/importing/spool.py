"""What is to be imported, read and checked, until the database is locked for it: in memory while it
is little, else in a file without a name."""

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
    """Lists of plain values, in order. The file can be opened by nobody else and is gone with this
    process; it holds what `add` pickled and nothing from outside."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115

    def add(self, chunk: list[Any]) -> None:
        """Raises ExecdbError where there is no room for it: the database takes as much again."""
        try:
            pickle.dump(chunk, self._file, pickle.HIGHEST_PROTOCOL)
            self._file.flush()
            size = self._file.tell()
            room = os.fstatvfs(self._file.fileno()) if size > _MEMORY_BYTES else None
        except OSError as error:
            raise _no_room(str(error.strerror)) from error
        if room is not None and room.f_bavail * room.f_frsize < size:
            raise _no_room("it takes more than half of the space there")

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
    """Makes events and nothing else: whoever runs the file system below TMPDIR may give back other
    bytes than it got, and a pickle can name any function."""

    def find_class(self, module: str, name: str) -> Any:
        if module == event.__name__ and name in _KINDS:
            return getattr(event, name)
        raise ExecdbError(f"what was kept in {tempfile.gettempdir()} came back as something else")


def _no_room(why: str) -> ExecdbError:
    return ExecdbError(
        f"no room in {tempfile.gettempdir()} for what is read before it is stored ({why}): set "
        "TMPDIR to a folder that has more; nothing was imported"
    )
