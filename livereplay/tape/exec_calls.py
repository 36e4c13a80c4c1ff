"""The calls that start one program: who and where to be, its path, its arguments."""

from collections import Counter
from collections.abc import Iterable
from errno import errorcode
from typing import Any, NamedTuple

from execdb.livereplay.paths import CGROUPS, OTHER, Paths
from execdb.livereplay.program import (
    MEMFD,
    arguments_of,
    comm_of,
    cwd_of,
    raw,
    unnamed_file,
    unnamed_path,
)
from execdb.livereplay.tape.tape import Block, Tape

_ERRORS = frozenset(errorcode.values())
_AT_FDCWD, _AT_EMPTY_PATH, _O_CLOEXEC, _MFD_CLOEXEC = -100, 0x1000, 0o2000000, 1
_O_WRONLY = 1
_STUB_AT = 0x400000  # the running stub itself is a copy of the file
_FIRST_FREE = 3  # the descriptor that open gives


class State(NamedTuple):
    """Who a process is, and where. `group` is its control group, None: whichever it is in."""

    uid: int
    euid: int
    gid: int
    cwd: bytes
    group: bytes | None = None


class Starter:
    """Appends to the tape. `inexact` counts what cannot be as it was recorded. `stub_bytes` is the
    size of the stub's file; without `users` everything runs as the one user there is."""

    def __init__(self, tape: Tape, paths: Paths, stub_bytes: int, *, users: bool = True) -> None:
        self._tape, self._paths, self._stub_bytes = tape, paths, stub_bytes
        self._users = users
        self.inexact: Counter[str] = Counter()

    def state(self, row: Any) -> State:
        """That of a row at its exec."""
        if not self._users:
            return State(0, 0, 0, cwd_of(row))
        return State(row.uid, row.euid, row.gid, cwd_of(row), self._paths.group_of(row))

    def become(self, state: State, wanted: State) -> None:
        """From one state to another; the folder while it can still be entered."""
        tape = self._tape
        if wanted.group not in (None, state.group):
            state = self._move(state, wanted.group or b"")
        if wanted.cwd != state.cwd:
            for part in _parts(wanted.cwd):
                tape.call("chdir", tape.text(part))
        if wanted.gid != state.gid:
            tape.call("setresgid", *[wanted.gid] * 3)
        if wanted[:2] != state[:2]:
            tape.call("setresuid", wanted.uid, wanted.euid, wanted.euid)

    def _move(self, state: State, group: bytes) -> State:
        """To a control group, which only root may do. The state after that."""
        tape = self._tape
        if state.euid != 0:
            tape.call("setresuid", 0, 0, 0)
            state = state._replace(uid=0, euid=0)
        path = b"%s/%s/cgroup.threads" % (CGROUPS, group)
        tape.call("openat", _AT_FDCWD, tape.text(path), _O_WRONLY | _O_CLOEXEC)
        tape.call("write", _FIRST_FREE, tape.text(b"0"), 1)
        tape.call("close", _FIRST_FREE)
        return state

    def start(self, row: Any, at_ns: int) -> tuple[int, Block]:
        """The exec at its time: its entry, and the block of its arguments."""
        self._note_what_is_lost(row)
        argv, why = arguments_of(row)
        if why:
            self.inexact[why] += 1
        unnamed = unnamed_file(row)
        if unnamed is not None:
            return self._start_unnamed(*unnamed, argv, at_ns)
        name, cwd = raw(row.filename), cwd_of(row)
        script = self._paths.script_of(row)
        if why := self._paths.why_not(cwd, name):
            self.inexact[why] += 1
            name, script = OTHER, None
        elif script is not None:
            argv = [b"-", *argv[script[1] + 1 :]]
        elif comm_of(name) != raw(row.comm):
            self.inexact["another comm than the name of its file"] += 1
        block = self._tape.block(name, argv)
        self._tape.until(at_ns, block.moment)
        return self._tape.call("execve", block.path, block.arguments, block.environment), block

    def name_to_set(self, row: Any) -> bytes | None:
        """The task name, if the kernel will have given another one."""
        if unnamed_file(row) is not None or comm_of(raw(row.filename)) == raw(row.comm):
            return None
        return raw(row.comm).replace(b"\0", b"?")[:15]

    def attempt(self, row: Any) -> tuple[int, int, int] | None:
        """The arguments of an exec that is to fail as it did; None if it cannot be made to."""
        cwd, name = cwd_of(row), raw(row.filename)
        if row.errno not in ("ENOENT", "EACCES", "ENOEXEC") or self._paths.starts(cwd, name):
            known = row.errno if row.errno in _ERRORS else "an unknown error"
            self.inexact[f"an attempt that failed with {known}"] += 1
            return None
        argv, why = arguments_of(row)
        if why:
            self.inexact[why] += 1
        block = self._tape.block(name, argv)
        return block.path, block.arguments, block.environment

    def _start_unnamed(
        self, number: int, comm: bytes, argv: list[bytes], at_ns: int
    ) -> tuple[int, Block]:
        """A file in memory, or one that is opened before, by its descriptor."""
        tape = self._tape
        if comm.startswith(MEMFD):
            tape.call("memfd_create", tape.text(comm.removeprefix(MEMFD)), _MFD_CLOEXEC)
            tape.call("write", _FIRST_FREE, _STUB_AT, self._stub_bytes)
        else:
            tape.call("openat", _AT_FDCWD, tape.text(unnamed_path(comm)), _O_CLOEXEC)
        if number != _FIRST_FREE:
            tape.call("dup3", _FIRST_FREE, number, _O_CLOEXEC)
        block = tape.block(b"", argv)
        tape.until(at_ns, block.moment)
        entry = tape.call(
            "execveat", number, block.path, block.arguments, block.environment, _AT_EMPTY_PATH
        )
        return entry, block

    def _note_what_is_lost(self, row: Any) -> None:
        is_memfd = row.exe is not None and row.exe.startswith("memfd:")
        for what, is_lost in (
            ("tty", row.tty is not None),
            ("cgroup", row.cgroup is not None and self._paths.group_of(row) is None),
            ("container", row.container is not None and self._paths.group_of(row) is None),
            ("exe", not self._paths.has_exe(row)),
            ("exe that was deleted", row.exe_deleted and not is_memfd),
            ("directory that was deleted", row.cwd_deleted),
            ("namespaces", (row.pid_ns, row.mnt_ns, row.user_ns) != (None, None, None)),
        ):
            if is_lost:
                self.inexact[what] += 1
        if row.loginuid is not None:
            self.inexact["loginuid and session"] += 1
        if not self._users and (row.uid, row.euid, row.gid) != (0, 0, 0):
            self.inexact["user (only root can become others)"] += 1


def _parts(path: bytes) -> Iterable[bytes]:
    """chdir(2) takes no path that is longer than 4,095 bytes."""
    while len(path) > 4_000:
        cut = path.rindex(b"/", 1, 4_000)
        yield path[:cut]
        path = path[cut + 1 :]
    yield path
