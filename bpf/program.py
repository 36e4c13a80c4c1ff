"""The loaded programs and maps, and how each program is attached."""

import contextlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from execdb.bpf import syscall
from execdb.bpf.arch import Machine
from execdb.bpf.errors import KernelError
from execdb.bpf.map import Map

MAPS = ("config", "fallback", "counters", "images", "output", "drained", "spare")
_KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")


@dataclass(frozen=True)
class Hook:
    """One attach point of one program. `kind` is raw_tracepoint, tracepoint, kprobe or
    kretprobe; `target` the tracepoint or the kernel function, which need not be there where it
    is `optional`."""

    program: str
    kind: str
    target: str
    optional: bool = False


# In this order: forks and ends are followed before the first exec is.
ALWAYS = (
    Hook("on_fork", "raw_tracepoint", "sched_process_fork"),
    Hook("on_exit", "raw_tracepoint", "sched_process_exit"),
    Hook("on_exec", "raw_tracepoint", "sched_process_exec"),
)
_TRACEPOINTS = (
    Hook("on_execve", "tracepoint", "syscalls/sys_enter_execve"),
    Hook("on_execveat", "tracepoint", "syscalls/sys_enter_execveat"),
    Hook("on_return", "tracepoint", "syscalls/sys_exit_execve"),
    Hook("on_return", "tracepoint", "syscalls/sys_exit_execveat"),
)


def have_kprobes() -> bool:
    """Whether the kernel was built with kprobes."""
    return _KPROBE_PMU.exists()


def attempt_hooks(machine: Machine) -> tuple[Hook, ...]:
    """Where failed attempts are seen: kprobes where there are any and they are made for the
    machine, else tracepoints."""
    return _kprobes(machine) if have_kprobes() and machine.native else _TRACEPOINTS


def _kprobes(machine: Machine) -> tuple[Hook, ...]:
    hooks = []
    for entry, infix in ((machine.native, ""), (machine.compat, "compat_")):
        if entry:
            for call in ("execve", "execveat"):
                target = entry.prefix + call
                hooks.append(Hook(f"on_{infix}{call}", "kprobe", target, entry is machine.compat))
                hooks.append(Hook("on_return", "kretprobe", target, entry is machine.compat))
    return tuple(hooks)


@dataclass(frozen=True)
class Program:
    """What the loader has loaded. `descriptors` are the programs', by name;
    `tracepoint_ids` those that perf_event_open(2) wants; `layout_from` tells where what it
    knows of the kernel's structs is from. There are `budgets` (uid -> BUDGET) only where arguments
    are bounded, `noting` only where attempts are recorded."""

    config: Map
    fallback: Map
    counters: Map
    images: Map
    output: Map
    drained: Map
    spare: Map
    budgets: Map | None
    noting: Map | None
    descriptors: dict[str, int]
    tracepoint_ids: dict[str, int]
    layout_from: str

    def attach(self, hooks: Sequence[Hook]) -> list[int]:
        """Descriptors; a program runs until the one of its hook is closed. Raises KernelError,
        and then nothing stays attached."""
        links: list[int] = []
        try:
            for hook in hooks:
                try:
                    links.append(self._attach(hook))
                except FileNotFoundError:
                    if not hook.optional:
                        raise
        except OSError as error:
            close_all(links)
            raise KernelError(f"cannot attach to {hook.target}: {error.strerror}") from error
        return links

    def _attach(self, hook: Hook) -> int:
        program = self.descriptors[hook.program]
        if hook.kind == "raw_tracepoint":
            return syscall.open_raw_tracepoint(hook.target, program)
        if hook.kind == "tracepoint":
            return syscall.attach_tracepoint(self.tracepoint_ids[hook.target], program)
        pmu = int(_KPROBE_PMU.read_text())
        return syscall.attach_kprobe(pmu, hook.target, hook.kind == "kretprobe", program)

    def note_attempts(self, on: bool) -> None:
        """Switches the telling of failed attempts, where they are recorded: on once all programs
        are attached."""
        if self.noting is not None:
            self.noting[0] = struct.pack("=I", on)

    def close(self) -> None:
        maps = [getattr(self, name) for name in (*MAPS, "budgets", "noting")]
        close_all([each.fd for each in maps if each is not None])
        close_all(list(self.descriptors.values()))


def names_of(descriptors: Sequence[int]) -> list[str]:
    """What the kernel calls each of them; empty for one that is not open."""
    return [
        os.readlink(f) if os.path.islink(f := f"/proc/self/fd/{d}") else "" for d in descriptors
    ]


def misses(fdinfo: int) -> int:
    """How often the kernel did not run a program because it ran already on that CPU. `fdinfo` is
    an open /proc/self/fdinfo/FD of the program; kernels before 5.12 do not say: 0."""
    for line in os.pread(fdinfo, 4096, 0).splitlines():
        if line.startswith(b"recursion_misses:"):
            return int(line.split()[1])
    return 0


def close_all(descriptors: list[int]) -> None:
    """Closes each, whatever has become of it, and empties the list."""
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)
    descriptors.clear()
