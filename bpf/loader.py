"""Loads the program: BTF offsets in, a compile in a short-lived child, descriptors out."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from execdb.bpf import probe, syscall, wire
from execdb.bpf.btf import BTF, BTFError
from execdb.bpf.errors import KernelError
from execdb.bpf.map import Map
from execdb.bpf.ring import possible_cpus

HERE = Path(__file__).parent
BTF_PATH = Path("/sys/kernel/btf/vmlinux")
CONFIG_MAX = 10_240
TIMEOUT_S = 60

# The struct members the program reads, and the name its #defines know them by.
_MEMBERS = {
    "TASK_REAL_PARENT": ("task_struct", "real_parent"),
    "TASK_TGID": ("task_struct", "tgid"),
    "TASK_MM": ("task_struct", "mm"),
    "TASK_CRED": ("task_struct", "cred"),
    "MM_ARG_START": ("mm_struct", "arg_start"),
    "MM_ARG_END": ("mm_struct", "arg_end"),
    "CRED_EUID": ("cred", "euid"),
    "BPRM_FILENAME": ("linux_binprm", "filename"),
    "BPRM_ARGC": ("linux_binprm", "argc"),
}
_MAPS = ("config", "fallback", "counters", "output")
_PROGRAMS = ("on_exec",)

_NO_BCC = (
    "BCC for Python is missing: install python3-bpfcc (Debian, Ubuntu), python3-bcc (Fedora) "
    "or python-bcc (Arch)"
)


@dataclass(frozen=True)
class Program:
    """The loaded program: its maps, and `attach` to let it run."""

    config: Map
    fallback: Map
    counters: Map
    output: Map
    on_exec: int

    def attach(self) -> int:
        """Attaches to every exec; detached when the returned descriptor is closed.
        Raises KernelError."""
        try:
            return syscall.open_raw_tracepoint("sched_process_exec", self.on_exec)
        except OSError as error:
            raise KernelError(f"cannot attach to sched_process_exec: {error.strerror}") from error

    def close(self) -> None:
        for part in (self.config, self.fallback, self.counters, self.output):
            os.close(part.fd)
        os.close(self.on_exec)


def interpreters() -> list[str]:
    """Where BCC may be found: the distribution's Python, then the one that runs us."""
    found = ["/usr/bin/python3", sys.executable]
    return [path for path in dict.fromkeys(found) if path and os.access(path, os.X_OK)]


def load() -> Program:
    """Compiles and loads the program. Raises KernelError with a sentence for the user."""
    if not probe.may_load():
        raise KernelError("recording needs root (or CAP_BPF and CAP_PERFMON): try sudo")
    if probe.lockdown() == "confidentiality":
        raise KernelError(
            "kernel lockdown is in confidentiality mode, which forbids BPF to read kernel memory: "
            "boot with lockdown=integrity"
        )
    request = {
        "source": (HERE / "execdb.bpf.c").read_text(),
        "cflags": [
            *_offsets(),
            f"-DCONFIG_MAX={CONFIG_MAX}",
            f"-DCPUS={possible_cpus()}",
            f"-I{HERE}",
        ],
        "maps": _MAPS,
        "programs": _PROGRAMS,
        "record": "scratch",
    }
    reply, descriptors = _compile_anywhere(request)
    try:
        _check_layout(reply["layout"])
    except KernelError:
        for fd in descriptors:
            os.close(fd)
        raise
    config, fallback, counters, output, on_exec = descriptors
    return Program(
        config=Map(config, wire.MESSAGE_LEN),
        fallback=Map(fallback, wire.MESSAGE_LEN),
        counters=Map(counters, wire.COUNTERS.size * possible_cpus()),
        output=Map(output, 4),
        on_exec=on_exec,
    )


def _offsets() -> list[str]:
    try:
        btf = BTF(BTF_PATH.read_bytes())
        return [f"-D{name}_OFFSET={btf.offset(*member)}" for name, member in _MEMBERS.items()]
    except OSError as error:
        raise KernelError(
            f"no BTF at {BTF_PATH} ({error.strerror}): execdb needs a kernel built with "
            "CONFIG_DEBUG_INFO_BTF, as distributions' kernels are"
        ) from error
    except BTFError as error:
        raise KernelError(f"BTF at {BTF_PATH} is of no use: {error}") from error


def _check_layout(layout: list[list[Any]]) -> None:
    compiled = {name: (offset, size) for name, offset, size in layout}
    if compiled != wire.LAYOUT:
        raise KernelError(
            "the compiled program's record differs from bpf/wire.py: "
            f"{sorted(set(compiled.items()) ^ set(wire.LAYOUT.items()))}; reinstall execdb"
        )


def _compile_anywhere(request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """The first interpreter with the real BCC does the work."""
    reply: dict[str, Any] = {}
    for interpreter in interpreters():
        earlier = reply
        reply, descriptors = compile_with(interpreter, request)
        if "error" not in reply:
            return reply, descriptors
        if reply["error"] not in ("no bcc", "wrong bcc"):
            break
        if reply["error"] == "no bcc" and earlier:
            reply = earlier  # a wrong bcc says more than a missing one
    raise KernelError(explain(reply))


def compile_with(interpreter: str, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """One loader child. Returns its reply, `{"error": ...}` among them, and the descriptors."""
    ours, theirs = socket.socketpair()
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "BCC_KERNEL_SOURCE": str(HERE / "headers"),
    }
    with ours, tempfile.TemporaryFile() as output:
        with theirs:
            child = subprocess.Popen(
                [interpreter, "-I", str(HERE / "compile.py")],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=output,
                env=environment,
            )
        try:
            reply, descriptors = _converse(ours, request)
        finally:
            child.kill()
            child.wait()
        output.seek(0)
        reply["output"] = output.read(1 << 20).decode(errors="replace")
    return reply, descriptors


def _converse(channel: socket.socket, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    channel.settimeout(TIMEOUT_S)
    data, descriptors = b"", []
    try:
        channel.sendall(json.dumps(request).encode() + b"\n")
        while not data.endswith(b"\n"):
            more, fds, _, _ = socket.recv_fds(channel, 1 << 16, 32, socket.MSG_CMSG_CLOEXEC)
            descriptors += fds
            if not more:
                return {"error": "died"}, _close_all(descriptors)
            data += more
        reply = json.loads(data)
    except TimeoutError:
        return {"error": "hangs"}, _close_all(descriptors)
    except OSError:  # it went without a word
        return {"error": "died"}, _close_all(descriptors)
    except ValueError:
        reply = None
    expected = len(request["maps"]) + len(request["programs"])
    if not isinstance(reply, dict) or ("error" not in reply and len(descriptors) != expected):
        return {"error": "died", "detail": "garbage from the loader"}, _close_all(descriptors)
    return reply, descriptors


class Bcc(NamedTuple):
    """Whether the real BCC is there, where, and what to do if not."""

    ok: bool
    found: str
    mend: str


def find_bcc() -> Bcc:
    """Looks for BCC as `load` does, without loading anything."""
    reply: dict[str, Any] = {}
    request: dict[str, Any] = {"source": None, "maps": (), "programs": ()}
    for interpreter in interpreters():
        reply, _ = compile_with(interpreter, request)
        if "error" not in reply:
            return Bcc(True, f"{reply['version']} ({reply['file']}, run by {interpreter})", "")
    return Bcc(False, "not found", explain(reply))


def _close_all(descriptors: list[int]) -> list[int]:
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)
    return []


def explain(reply: dict[str, Any]) -> str:
    """The sentence for a loader that failed."""
    detail, output = str(reply.get("detail", "")), str(reply.get("output", ""))
    match reply.get("error"):
        case "no bcc":
            return _NO_BCC
        case "wrong bcc":
            return (
                f"the bcc module at {detail} is PyPI's, an unrelated package, not the BPF Compiler "
                f"Collection: remove it (pip uninstall bcc); {_NO_BCC}"
            )
        case "unsafe bcc":
            return f"not importing bcc as root: {detail} can be written by others than root"
        case "hangs":
            return f"the BCC loader did not finish within {TIMEOUT_S} s; run execdb doctor"
        case "died":
            why = first_error(output) or detail or "it was killed"
            return f"the BCC loader ended without an answer: {why}"
    return f"BCC could not load the program: {first_error(output) or detail}"


def first_error(output: str) -> str:
    """The line of a compiler's or the verifier's output that says what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    return (errors or lines[-1:] or [""])[0]
