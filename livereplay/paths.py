"""The files and folders that a root must have for a history."""

from collections.abc import Iterator

from execdb.livereplay.program import (
    HIDDEN,
    ROOT_PROGRAM,
    Program,
    cwd_of,
    raw,
    resolve,
    script_line,
    unnamed_file,
    unnamed_path,
    unusable,
)

Key = tuple[bytes, bytes]  # a folder, empty if it does not matter; a path as seen from there
PATHS_MAX, BYTES_MAX = 100_000, 64 << 20  # of files and folders together
OTHER = HIDDEN + b"/other"  # for paths that cannot be


class TooManyPaths(ValueError):
    """More than PATHS_MAX, or longer than BYTES_MAX together."""


class Paths:
    """Collects the paths of all rows before the tape is written. `programs` are the files to make,
    each with the first line of a script, or None for the stub; `denied` are files without the
    right to execute, `texts` files that are no programs."""

    def __init__(self) -> None:
        self.programs: dict[bytes, bytes | None] = {}
        self.walked: set[bytes] = set()  # folders, as they are passed through
        self.denied: set[bytes] = set()
        self.texts: set[bytes] = set()
        self._lines: dict[bytes, tuple[bytes, int] | None] = {}
        self._keys: set[Key] = set()
        self._unnamed: set[bytes] = set()
        self.folders: set[bytes] = {b""}
        self._bytes = 0

    def learn(self, row: Program) -> None:
        """Raises TooManyPaths."""
        cwd, name = cwd_of(row), raw(row.filename)
        key = (b"" if name.startswith(b"/") else cwd, name)
        self._learn_folder(cwd)
        unnamed = unnamed_file(row)
        if unnamed is not None:
            self._unnamed.add(unnamed_path(unnamed[1]))
            self._count(len(unnamed[1]))
        if unnamed is not None or unusable(cwd, name):
            return
        line = script_line(row)
        place = resolve(*key)
        if self._lines.setdefault(place, line) != line:
            self._lines[place] = None
        if key not in self._keys:
            self._keys.add(key)
            self._count(2 * len(name) + len(cwd))
            self._learn_folder(key[0] + b"/" + _folder_of(name))

    def learn_attempt(self, row: Program, errno: str | None) -> bool:
        """An exec that failed. Whether it can be made to fail again in the same way."""
        cwd, name = cwd_of(row), raw(row.filename)
        possible = errno in ("ENOENT", "EACCES", "ENOEXEC") and not unusable(cwd, name)
        self._learn_folder(cwd)
        if possible and errno != "ENOENT":
            (self.denied if errno == "EACCES" else self.texts).add(resolve(cwd, name))
            self._learn_folder((b"" if name.startswith(b"/") else cwd) + b"/" + _folder_of(name))
            self._count(len(name))
        return possible

    def finish(self) -> None:
        """All rows are known: what is needed as an interpreter or a folder is no script."""
        for line, _ in list(filter(None, self._lines.values())):
            interpreter = line[2:-1].split(b" ")[0]
            names = resolve(b"/", interpreter)
            self._lines[names] = None
            self._keys.add((b"", interpreter))
            self._learn_folder(_folder_of(interpreter))
        for key in self._keys:
            names = resolve(*key)
            if names not in self.folders:
                script = self._lines.get(names)
                self.programs[names] = None if script is None else script[0]
        self.programs[resolve(b"/", ROOT_PROGRAM)] = self.programs[resolve(b"/", OTHER)] = None
        self._learn_folder(HIDDEN + b"/fd")
        self.programs |= dict.fromkeys(resolve(b"/", path) for path in self._unnamed)
        for kind in (self.denied, self.texts):
            kind -= self.folders | self.programs.keys()

    def script_of(self, row: Program) -> tuple[bytes, int] | None:
        """Of a row whose path is a script: see `script_line`."""
        return self._lines.get(resolve(cwd_of(row), raw(row.filename)))

    def why_not(self, cwd: bytes, name: bytes) -> str | None:
        """Why nothing can be started by that name from there; None if it can."""
        if why := unusable(cwd, name):
            return why
        if resolve(cwd, name) in self.folders:
            return "a path that is a folder for another row"
        return None

    def starts(self, cwd: bytes, name: bytes) -> bool:
        """Whether a program is there, so that no attempt to start it fails."""
        return bool(unusable(cwd, name)) or resolve(cwd, name) in self.programs

    def _learn_folder(self, path: bytes) -> None:
        """A folder with all that a path to it goes through, also where it turns back."""
        if path in self.walked:
            return
        self.walked.add(path)
        self._count(len(path))
        for folder in _passed(path):
            if folder not in self.folders:
                self.folders.add(folder)
                self._count(len(folder))

    def _count(self, size: int) -> None:
        self._bytes += size
        paths = len(self._keys) + len(self.folders) + len(self.denied) + len(self.texts)
        if self._bytes > BYTES_MAX or max(paths, len(self.walked)) > PATHS_MAX:
            raise TooManyPaths


def _folder_of(name: bytes) -> bytes:
    return name.rpartition(b"/")[0]


def _passed(path: bytes) -> Iterator[bytes]:
    names: list[bytes] = []
    for name in path.split(b"/"):
        if name == b"..":
            del names[-1:]
        elif name not in (b"", b"."):
            names.append(name)
            yield b"/".join(names)
