"""What differs between architectures, held against the C library's headers and by hand."""

import struct
import subprocess

import pytest

from execdb.bpf import arch, offsets, program
from execdb.bpf.btf import BTF
from execdb.bpf.errors import KernelError


def _preprocessed(header: str, *names: str) -> list[int]:
    """What the macros of a header stand for."""
    text = f"#include <{header}>\n" + "\n".join(names)
    done = subprocess.run(
        ["gcc", "-E", "-P", "-x", "c", "-"], input=text, capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.splitlines()[-len(names) :]]


def test_system_call_numbers_of_this_machine() -> None:
    this = arch.this()
    assert [this.bpf, this.perf_event_open, this.membarrier] == _preprocessed(
        "sys/syscall.h", "__NR_bpf", "__NR_perf_event_open", "__NR_membarrier"
    )


@pytest.mark.parametrize("name", ["aarch64", "riscv64", "loongarch64"])
def test_system_call_numbers_of_machines_that_share_a_table(name: str) -> None:
    there = arch.of(name)
    assert [there.bpf, there.perf_event_open, there.membarrier] == _preprocessed(
        "asm-generic/unistd.h", "__NR_bpf", "__NR_perf_event_open", "__NR_membarrier"
    )


def test_a_machine_that_nobody_has_described() -> None:
    with pytest.raises(KernelError, match="64-bit programs on vax, only 64-bit ones on x86_64"):
        arch.of("vax")


def test_kprobes_of_arm64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "have_kprobes", lambda: True)
    hooks = program.attempt_hooks(arch.of("aarch64"))
    assert [(h.program, h.kind, h.target, h.optional) for h in hooks] == [
        ("on_execve", "kprobe", "__arm64_sys_execve", False),
        ("on_return", "kretprobe", "__arm64_sys_execve", False),
        ("on_execveat", "kprobe", "__arm64_sys_execveat", False),
        ("on_return", "kretprobe", "__arm64_sys_execveat", False),
        ("on_compat_execve", "kprobe", "__arm64_compat_sys_execve", True),
        ("on_return", "kretprobe", "__arm64_compat_sys_execve", True),
        ("on_compat_execveat", "kprobe", "__arm64_compat_sys_execveat", True),
        ("on_return", "kretprobe", "__arm64_compat_sys_execveat", True),
    ]


def test_tracepoints_where_kprobes_are_not_made_for_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "have_kprobes", lambda: True)
    hooks = program.attempt_hooks(arch.of("s390x"))
    assert {hook.kind for hook in hooks} == {"tracepoint"}


def _btf_of_arm64_registers() -> BTF:
    """`struct pt_regs { union { struct user_pt_regs user_regs; struct { u64 regs[31]; }; }; }`
    as far as its members go, 16 bytes further in than on the real machine."""
    strings = b"\0pt_regs\0user_regs\0regs\0"
    name = {text: strings.index(text + b"\0") for text in (b"pt_regs", b"user_regs", b"regs")}
    struct_, union = 4 << 24, 5 << 24
    types = b"".join(
        struct.pack("6I", text, kind | 1, 264, member, type_id, bits)
        for text, kind, member, type_id, bits in (
            (name[b"pt_regs"], struct_, 0, 2, 128),  # type 1
            (0, union, 0, 3, 0),  # type 2
            (0, struct_, name[b"regs"], 0, 0),  # type 3
        )
    )
    header = struct.pack("HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return BTF(header + types + strings)


def test_registers_of_arm64_are_elements_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "_MEMBERS", {})
    monkeypatch.setattr(offsets, "_OPTIONAL", {})
    found = offsets.from_btf(_btf_of_arm64_registers(), arch.of("aarch64"))
    assert found == {
        "REGS_FIRST": 16,
        "REGS_RESULT": 16,
        **{f"REGS_{kind}{n}": 16 + 8 * (n - 1) for kind in ("ARG", "COMPAT") for n in (1, 2, 3)},
    }
