"""Runs a tape in a place of its own: namespaces, a root of stubs, and nothing of the machine.

The caller forks a process that makes the namespaces, which forks process 1 of the new PID namespace
and waits for it. Each of them is killed when its parent ends, and a PID namespace ends with its
process 1. So nothing outlives the caller, however it ends.
"""

import contextlib
import fcntl
import os
import platform
import resource
import select
import signal
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from execdb.livereplay.paths import Paths
from execdb.livereplay.program import ROOT_PROGRAM
from execdb.livereplay.sandbox import linux
from execdb.livereplay.sandbox.cgroup import Groups, replay_cgroups
from execdb.livereplay.sandbox.confine import confine
from execdb.livereplay.sandbox.root import make_root
from execdb.livereplay.sandbox.tape_file import TapeFile, set_start
from execdb.livereplay.tape.stub import FD, MARK, stub_for

_SAY = 62  # the descriptor by which process 1 reports
_LOOK_MS = 1_000
_GRACE_NS = 60_000_000_000
_NAMESPACES = (
    linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
    | linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWCGROUP
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """When the tape started (CLOCK_MONOTONIC), whether it ended by itself, and whether it was
    interrupted."""

    start_ns: int
    complete: bool
    interrupted: bool


@dataclass(frozen=True)
class Sandbox:
    """What is needed besides the tape. `argv` is that of process 1, `at_most` how many processes
    may be there at once, `duration_ns` how long the tape takes."""

    paths: Paths
    argv: Sequence[bytes]
    at_most: int
    duration_ns: int

    def run(self, tape: TapeFile, times: "array[int]", entry: int) -> Outcome:
        """Starts at the entry and waits for the end. Raises OSError if there can be no sandbox."""
        with replay_cgroups(self.at_most, self.paths.groups) as cgroups, _Pipes() as pipes:
            child = os.fork()
            if not child:
                self._child(tape, entry, pipes, cgroups)
            pipes.close_childs()
            try:
                self._prepare(child, pipes)
                start_ns = set_start(tape, times)
                os.write(pipes.to_child, b"g")
                complete, interrupted = self._wait(child, start_ns)
            except BaseException:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise
            _, status = os.waitpid(child, 0)
            with contextlib.suppress(EOFError):
                _said(pipes.from_child)
            return Outcome(start_ns, complete and status == 0, interrupted)

    def _prepare(self, child: int, pipes: "_Pipes") -> None:
        """Gives the child's user namespace its users, and waits until all is in place."""
        _said(pipes.from_child)
        if os.geteuid():  # one user: everything runs as that one
            Path(f"/proc/{child}/setgroups").write_text("deny")
            Path(f"/proc/{child}/uid_map").write_text(f"0 {os.geteuid()} 1")
            Path(f"/proc/{child}/gid_map").write_text(f"0 {os.getegid()} 1")
        else:
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{child}/{name}").write_text(_same(name))
        os.write(pipes.to_child, b"m")
        _said(pipes.from_child)

    def _wait(self, child: int, start_ns: int) -> tuple[bool, bool]:
        """Whether it ended by itself, and whether it was interrupted."""
        pidfd = os.pidfd_open(child)
        try:
            # A tape ends by itself; on a busy machine it may take much longer than planned.
            end_ns = start_ns + 2 * self.duration_ns + _GRACE_NS
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            while (left_ns := end_ns - time.monotonic_ns()) > 0:
                # A signal that comes just before the wait does not end it.
                if poll.poll(min(left_ns // 1_000_000 + 1, _LOOK_MS)):
                    return True, False
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            return False, False
        except KeyboardInterrupt:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            return False, True
        finally:
            os.close(pidfd)

    def _child(self, tape: TapeFile, entry: int, pipes: "_Pipes", cgroups: Groups) -> None:
        """Never returns."""
        try:
            pipes.close_parents()
            self._between(tape, entry, pipes, cgroups)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(pipes.to_parent, b"!" + str(error).encode(errors="replace")[:4_000])
        finally:
            os._exit(1)

    def _between(self, tape: TapeFile, entry: int, pipes: "_Pipes", cgroups: Groups) -> None:
        parent = os.getppid()
        os.setsid()
        for cgroup in cgroups.joined:
            (cgroup / "cgroup.procs").write_text("0")
        linux.unshare(linux.CLONE_NEWUSER)
        _die_with_parent()
        if os.getppid() != parent:
            return
        os.write(pipes.to_parent, b"u")
        if not os.read(pipes.from_parent, 1):
            return
        if os.geteuid() == 0 and _may_set_groups():
            os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        _die_with_parent()  # a change of users takes that away
        linux.unshare(_NAMESPACES)
        linux.sethostname(b"execdb-replay")
        null = os.open("/dev/null", os.O_RDWR)
        first = os.fork()
        if first:
            _, status = os.waitpid(first, 0)
            os._exit(0 if status == 0 else 1)
        _die_with_parent()
        machine = platform.machine()
        make_root(machine, stub_for(machine), self.paths, cgroups.recorded)
        _arrange_descriptors(null, tape.descriptor, pipes)
        os.write(_SAY, b"r")
        if not os.read(_SAY - 1, 1):
            return
        os.close(_SAY - 1)
        pipes.to_parent = _SAY
        confine(machine)
        os.execve(ROOT_PROGRAM, list(self.argv), {MARK: b"%010d" % entry})


class _Pipes:
    """Both directions between the caller and the sandbox."""

    def __init__(self) -> None:
        self.from_child, self.to_parent = os.pipe()
        self.from_parent, self.to_child = os.pipe()

    def __enter__(self) -> "_Pipes":
        return self

    def __exit__(self, *error: object) -> None:
        self.close_parents()

    def close_parents(self) -> None:
        os.close(self.from_child)
        os.close(self.to_child)

    def close_childs(self) -> None:
        os.close(self.to_parent)
        os.close(self.from_parent)


def _arrange_descriptors(null: int, tape: int, pipes: _Pipes) -> None:
    """0 to 2 are nothing, FD is the tape; the pipes end with execve. Closes all others."""
    high = [os.dup(descriptor) for descriptor in (tape, pipes.to_parent, pipes.from_parent, null)]
    copies = [_above(descriptor) for descriptor in high]
    for number in (0, 1, 2):
        os.dup2(copies[3], number, inheritable=True)
    os.dup2(copies[0], FD, inheritable=True)
    os.dup2(copies[1], _SAY, inheritable=False)
    os.dup2(copies[2], _SAY - 1, inheritable=False)
    os.closerange(3, _SAY - 1)
    os.closerange(FD + 1, max(resource.getrlimit(resource.RLIMIT_NOFILE)[0], max(copies) + 1))


def _above(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FD + 1)


def _die_with_parent() -> None:
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)


def _may_set_groups() -> bool:
    return Path("/proc/self/setgroups").read_text().strip() == "allow"


def _said(pipe: int) -> None:
    """Waits for the child. Raises OSError with what went wrong there, EOFError if it is gone."""
    text = os.read(pipe, 4_096)
    if not text:
        raise EOFError
    if text.startswith(b"!"):
        raise OSError(text[1:].decode(errors="replace"))


def _same(name: str) -> str:
    """Each id that there is here is the same there."""
    lines = Path(f"/proc/self/{name}").read_text().splitlines()
    return "".join("{0} {0} {2}\n".format(*line.split()) for line in lines)
