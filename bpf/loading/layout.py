"""Finds the layout of the running kernel's structs: in its BTF, or else in its headers."""

from pathlib import Path
from typing import NamedTuple

from execdb.bpf import offsets, requirements
from execdb.bpf.arch import Arch
from execdb.bpf.btf import BTF
from execdb.bpf.errors import Interrupted, KernelError
from execdb.bpf.loading import source
from execdb.bpf.loading.conversation import Request
from execdb.bpf.loading.interpreters import ask_bcc

FIX_LAYOUT = (
    "install the headers of the running kernel (Debian: linux-headers-$(uname -r)), or name a "
    "copy of its BTF with --btf"
)


class Layout(NamedTuple):
    """The -D flags that tell the compiler the layout, and where it was found, in words."""

    flags: list[str]
    found_in: str


def find_layout(btf_path: Path, kprobes: Arch | None, interrupt: int | None) -> Layout:
    """`kprobes` is the architecture if the program is attached with kprobes. Raises KernelError,
    and Interrupted as soon as the descriptor `interrupt` has something to read."""
    btf = offsets.read_btf(btf_path)
    if btf is not None:
        return Layout(_flags_from_btf(btf, kprobes), f"BTF at {btf_path}")
    headers = requirements.kernel_headers()
    if headers is None:
        raise KernelError(f"{no_layout(btf_path)}: {FIX_LAYOUT}")
    try:
        found = offsets_from_headers(kprobes, interrupt)
    except Interrupted:
        raise
    except KernelError as error:
        raise KernelError(
            f"no BTF at {btf_path}, and the kernel headers in {headers} are unusable: {error}"
        ) from error
    return Layout(offsets.flags(found), f"headers in {headers}")


def no_layout(btf_path: Path) -> str:
    """What is missing if there is neither BTF nor headers."""
    return f"no BTF at {btf_path} and no kernel headers at {requirements.headers_path()}"


def _flags_from_btf(btf: BTF, kprobes: Arch | None) -> list[str]:
    flags = offsets.flags(offsets.from_btf(btf, kprobes))
    if btf.parameters("btf_trace_sched_process_exit") == 3:  # the context, task, group_dead
        flags.append("-DEXIT_TELLS_GROUP_DEAD")
    return flags


def offsets_from_headers(kprobes: Arch | None, interrupt: int | None) -> dict[str, int]:
    """Name -> offset in bytes, computed by BCC's compiler from the installed kernel headers. Raises
    KernelError, Interrupted."""
    request = Request(
        source=(source.FOLDER / "header_offsets.c").read_text() + offsets.question(kprobes),
        cflags=["-w"],  # nobody here can fix warnings about the kernel's headers
        record=["answer"],
    )
    answer = ask_bcc(lambda: request, interrupt, kernel_headers=True)
    return {name: size - 1 for name, _, size in answer.reply["layout"]}
