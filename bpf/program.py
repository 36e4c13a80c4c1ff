"""The loaded programs and maps, and how each program is attached."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from execdb.bpf import syscall
from execdb.bpf.errors import KernelError
from execdb.bpf.map import Map

MAPS = ("config", "fallback", "counters", "images", "output")
_KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")


@dataclass(frozen=True)
class Hook:
    """One attach point of one program. `kind` is raw_tracepoint, tracepoint, kprobe or
    kretprobe; `target` the tracepoint or the kernel function."""

    program: str
    kind: str
    target: str


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
# Symbols as arch/*/include/asm/syscall_wrapper.h makes them.
_WRAPPERS = {"x86_64": "__x64_sys_", "aarch64": "__arm64_sys_"}
_COMPAT_WRAPPERS = {"x86_64": "__ia32_compat_sys_"}


def have_kprobes() -> bool:
    """Whether the kernel was built with kprobes."""
    return _KPROBE_PMU.exists()


def attempt_hooks(machine: str) -> tuple[Hook, ...]:
    """Where failed attempts are seen: kprobes where there are any, else tracepoints."""
    return _kprobes(machine) if have_kprobes() else _TRACEPOINTS


def _kprobes(machine: str) -> tuple[Hook, ...]:
    hooks = []
    for prefix, infix in (
        (_WRAPPERS.get(machine), ""),
        (_COMPAT_WRAPPERS.get(machine), "compat_"),
    ):
        if prefix:
            for call in ("execve", "execveat"):
                hooks.append(Hook(f"on_{infix}{call}", "kprobe", prefix + call))
                hooks.append(Hook("on_return", "kretprobe", prefix + call))
    return tuple(hooks)


@dataclass(frozen=True)
class Program:
    """What the loader has loaded. `descriptors` are the programs', by name;
    `tracepoint_ids` those that perf_event_open(2) wants."""

    config: Map
    fallback: Map
    counters: Map
    images: Map
    output: Map
    descriptors: dict[str, int]
    tracepoint_ids: dict[str, int]

    def attach(self, hooks: Sequence[Hook]) -> list[int]:
        """Descriptors; a program runs until the one of its hook is closed. Raises KernelError,
        and then nothing stays attached."""
        links: list[int] = []
        try:
            for hook in hooks:
                links.append(self._attach(hook))
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

    def close(self) -> None:
        close_all([getattr(self, name).fd for name in MAPS])
        close_all(list(self.descriptors.values()))


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
