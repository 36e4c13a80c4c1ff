"""The loaded programs and maps, and how each program is attached."""

import contextlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from execdb.bpf import syscall
from execdb.bpf.arch import Arch
from execdb.bpf.errors import KernelError
from execdb.bpf.map import BytesMap, Map

MAPS = (
    *("config", "fallback", "generation", "counters", "images", "output", "drained", "spare"),
    *("asleep", "bell"),
    *("budgets", "limits", "limit", "exec_budgets"),
    *("rule_sets", "rule_half", "rule_values", "rule_texts", "filtered"),
)
_KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")


@dataclass(frozen=True)
class Hook:
    """One attach point of one program. `kind` is raw_tracepoint, tracepoint, kprobe or kretprobe;
    `target` is the tracepoint or the kernel function, which may be missing if it is `optional`."""

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


def attempt_hooks(arch: Arch) -> tuple[Hook, ...]:
    """Where failed attempts are seen: kprobes if the kernel has them and execdb knows the
    architecture's functions, else tracepoints."""
    return _kprobes(arch) if have_kprobes() and arch.native else _TRACEPOINTS


def _kprobes(arch: Arch) -> tuple[Hook, ...]:
    hooks = []
    for entry, infix in ((arch.native, ""), (arch.compat, "compat_")):
        if entry:
            for call in ("execve", "execveat"):
                target = entry.prefix + call
                hooks.append(Hook(f"on_{infix}{call}", "kprobe", target, entry is arch.compat))
                hooks.append(Hook("on_return", "kretprobe", target, entry is arch.compat))
    return tuple(hooks)


@dataclass(frozen=True)
class Program:
    """The programs and maps that were loaded. `descriptors` are those of the programs, by name;
    `tracepoint_ids` are the numbers that perf_event_open(2) takes; `layout_from` says where the
    layout of the kernel's structs was found. `noting` exists only if attempts are recorded."""

    config: Map
    fallback: Map
    generation: Map
    counters: Map
    images: Map
    output: Map
    drained: Map
    spare: Map
    asleep: Map
    bell: Map
    budgets: Map  # uid -> BUDGET
    limits: Map  # uid -> LIMIT
    limit: Map
    exec_budgets: Map  # uid -> EXEC_BUDGET
    rule_sets: Map
    rule_half: Map
    rule_values: BytesMap
    rule_texts: BytesMap
    filtered: Map
    noting: Map | None
    descriptors: dict[str, int]
    tracepoint_ids: dict[str, int]
    layout_from: str

    def attach(self, hooks: Sequence[Hook]) -> list[int]:
        """Returns one descriptor for each hook; closing it detaches the program. If it raises
        KernelError, none of these hooks is attached."""
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
        """Switches the recording of failed attempts, if they were asked for: to be switched on once
        all programs are attached."""
        if self.noting is not None:
            self.noting[0] = struct.pack("=I", on)

    def close(self) -> None:
        maps = [getattr(self, name) for name in (*MAPS, "noting")]
        close_all([each.fd for each in maps if each is not None])
        close_all(list(self.descriptors.values()))


def names_of(descriptors: Sequence[int]) -> list[str]:
    """What the kernel calls each of them; an empty string if it is not open."""
    names = []
    for descriptor in descriptors:
        try:
            names.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            names.append("")
    return names


def misses(fdinfo: int) -> int:
    """How often the kernel skipped a program because it was running already on that CPU. `fdinfo`
    is an open /proc/self/fdinfo/FD of the program; 0 on kernels before 5.12, which do not say."""
    for line in os.pread(fdinfo, 4096, 0).splitlines():
        if line.startswith(b"recursion_misses:"):
            return int(line.split()[1])
    return 0


def close_all(descriptors: list[int]) -> None:
    """Closes each, also if another one cannot be closed, and empties the list."""
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)
    descriptors.clear()
