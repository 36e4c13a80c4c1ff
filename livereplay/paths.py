"""The files and folders that a root must have for a history."""

from collections.abc import Iterator

from execdb.livereplay.program import (
    HIDDEN,
    ROOT_PROGRAM,
    Program,
    comm_of,
    cwd_of,
    exe_of,
    raw,
    resolve,
    script_line,
    unnamed_file,
    unnamed_path,
    unusable,
)

Key = tuple[bytes, bytes]  # a folder, empty if it does not matter; a path as seen from there
PATHS_MAX, BYTES_MAX = 100_000, 64 << 20  # of files and folders together
GROUPS_MAX, _GROUP_NAMES_MAX, _GROUP_BYTES_MAX = 1_000, 12, 3_800
CGROUPS = HIDDEN + b"/cgroup"  # the folder of control groups
OTHER = HIDDEN + b"/other"  # for paths that cannot be


class TooManyPaths(ValueError):
    """More than PATHS_MAX, or longer than BYTES_MAX together."""


class Paths:
    """Collects the paths of all rows before the tape is written. `programs` are the files to make,
    each with the first line of a script, or None for the stub; `links` are those of them that are
    symbolic links to a stub, by its path, as `exe` has it; `denied` are files without the right to
    execute, `texts` files that are no programs; `groups` are control groups, if there can be
    any."""

    def __init__(self, *, can_have_groups: bool = False) -> None:
        self._can_have_groups = can_have_groups
        self.groups: set[bytes] = set()
        self.programs: dict[bytes, bytes | None] = {}
        self.links: dict[bytes, bytes] = {}
        self.walked: set[bytes] = set()  # folders, as they are passed through
        self.denied: set[bytes] = set()
        self.texts: set[bytes] = set()
        self._lines: dict[bytes, tuple[bytes, int] | None] = {}
        self._keys: set[Key] = set()
        self._exes: dict[bytes, bytes] = {}  # of a path, the first one
        self._unnamed: set[bytes] = set()
        self.folders: set[bytes] = {b""}
        self._bytes = 0

    def learn(self, row: Program) -> None:
        """Raises TooManyPaths."""
        cwd, name = cwd_of(row), raw(row.filename)
        key = (b"" if name.startswith(b"/") else cwd, name)
        self._learn_folder(cwd)
        self._learn_group(row)
        unnamed = unnamed_file(row)
        if unnamed is not None:
            self._learn_unnamed(unnamed[1], exe_of(row))
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
        self._learn_exe(place if line is None else _interpreter(line[0]), exe_of(row))

    def _learn_group(self, row: Program) -> None:
        group = _group_of(row)
        if self._can_have_groups and group is not None and len(self.groups) < GROUPS_MAX:
            self.groups.add(group)

    def group_of(self, row: Program) -> bytes | None:
        """The control group that a row can be in, without its first slash; None if it cannot be in
        the recorded one."""
        group = _group_of(row)
        return group if group in self.groups else None

    def _learn_exe(self, place: bytes, exe: bytes | None) -> None:
        if exe is not None and place not in self._exes:
            self._exes[place] = exe
            self._count(len(exe))
            if exe != place:
                self._learn_folder(_folder_of(exe))

    def _learn_unnamed(self, name: bytes, exe: bytes | None) -> None:
        path = unnamed_path(name)
        self._count(len(path))
        self._unnamed.add(path)
        if exe is not None and comm_of(exe) == name:
            self._learn_exe(resolve(b"/", path), exe)

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
            names = _interpreter(line)
            self._lines[names] = None
            self._keys.add((b"", b"/" + names))
            self._learn_folder(_folder_of(names))
        for key in self._keys:
            names = resolve(*key)
            if names not in self.folders:
                script = self._lines.get(names)
                self.programs[names] = None if script is None else script[0]
        self.programs[resolve(b"/", ROOT_PROGRAM)] = self.programs[resolve(b"/", OTHER)] = None
        self._learn_folder(HIDDEN + b"/fd")
        self.programs |= dict.fromkeys(resolve(b"/", path) for path in self._unnamed)
        self._link()
        for kind in (self.denied, self.texts):
            kind -= self.folders | self.programs.keys()

    def _link(self) -> None:
        """A path whose file was elsewhere becomes a link, unless something else is there."""
        for place, exe in self._exes.items():
            is_stub = place in self.programs and self.programs[place] is None
            is_free = exe not in self.folders and self.programs.get(exe) is None
            if place != exe and is_stub and is_free and self._exes.get(exe, exe) == exe:
                self.links[place] = exe
        self.programs |= dict.fromkeys(self.links.values())

    def has_exe(self, row: Program) -> bool:
        """Whether the stub that runs as a row has the path that `exe` says."""
        unnamed, script = unnamed_file(row), self.script_of(row)
        if row.exe is None or (unnamed is not None and unnamed[1] == raw(row.exe)):
            return True
        if unnamed is not None:
            place = resolve(b"/", unnamed_path(unnamed[1]))
        elif script is not None:
            place = _interpreter(script[0])
        else:
            place = resolve(cwd_of(row), raw(row.filename))
        return self.links.get(place, place) == exe_of(row)

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


def _group_of(row: Program) -> bytes | None:
    """None if it is not known as a whole, is not UTF-8, or is so long that a recorder would not
    know it. The limits are below a recorder's, since the path of the replay's own is added."""
    try:
        group = (row.cgroup or "").encode()
    except UnicodeEncodeError:
        return None
    names = group[1:].split(b"/")
    if not group.startswith(b"/") or len(names) > _GROUP_NAMES_MAX or b"\0" in group:
        return None
    is_plain = all(0 < len(name) <= 255 and name.strip(b".") for name in names)
    return group[1:] if group == b"/" or (is_plain and len(group) < _GROUP_BYTES_MAX) else None


def _interpreter(line: bytes) -> bytes:
    """Of a script, by its first line."""
    return resolve(b"/", line[2:-1].split(b" ")[0])


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
