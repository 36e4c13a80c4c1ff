"""Loads the program: BTF offsets in, a compile in a short-lived child, descriptors out."""

import contextlib
import json
import mmap
import os
import re
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from execdb.bpf import arch, offsets, requirements, wire
from execdb.bpf.arch import Machine
from execdb.bpf.errors import Interrupted, KernelError
from execdb.bpf.map import Map
from execdb.bpf.program import ALWAYS, MAPS, Hook, Program, close_all, names_of
from execdb.bpf.ring import SPARE_BYTES, possible_cpus

HERE = Path(__file__).absolute().parent
CONFIG_MAX = 10_240
IMAGES_MAX = 65_536  # live processes that are followed; memory is set aside for each
ATTEMPTS_MAX = 16_384  # calls of execve that are under way at the same time, where they are noted
TIMEOUT_S = 600  # a compile through real kernel headers on a slow machine takes minutes
_REPLY_MAX, _OUTPUT_MAX = 1 << 20, 16 << 20  # bytes
_LINE_MAX = 300
_GRACE_S = 2.0  # for the kernel to end a child that was killed

_NO_BCC = (
    "BCC for Python is missing: install python3-bpfcc (Debian, Ubuntu), python3-bcc (Fedora) "
    "or python-bcc (Arch)"
)


def interpreters() -> list[str]:
    """Where BCC may be found: the distribution's Python, then the one that runs us."""
    found = ["/usr/bin/python3", sys.executable]
    return [path for path in dict.fromkeys(found) if path and os.access(path, os.X_OK)]


def load(
    hooks: Sequence[Hook] = ALWAYS,
    btf: Path = offsets.BTF_PATH,
    *,
    ring_pages: int = 128,
    argument_budget: int | None = None,
    interrupt: int | None = None,
) -> Program:
    """Compiles and loads the programs of these hooks; `btf` is the kernel's BTF or a copy of it,
    `ring_pages` the size of each CPU's ring, `argument_budget` bytes a second for each user. Raises
    KernelError with a sentence for the user; Interrupted as soon as the descriptor `interrupt`
    has something to read."""
    requirements.require()
    programs = {hook.program: hook.kind for hook in hooks}
    kinds = set(programs.values())
    kprobes = arch.this() if "kprobe" in kinds else None
    layout_from = ""
    maps = list(MAPS)
    if argument_budget is not None:
        maps.append("budgets")
    if kinds > {"raw_tracepoint"}:
        maps.append("noting")

    def request() -> dict[str, Any]:
        nonlocal layout_from
        layout_from, layout_flags = _layout(btf, kprobes, interrupt)
        return {
            "source": _source("execdb.bpf.c"),
            "cflags": [*layout_flags, *_cflags(kinds, ring_pages, argument_budget)],
            "maps": maps,
            "programs": programs,
            "tracepoints": [hook.target for hook in hooks if hook.kind == "tracepoint"],
            "record": ["scratch", "exec"],
        }

    reply, descriptors = _compile_anywhere(request, interrupt)
    try:
        _check_layout(reply["layout"])
    except KernelError:
        close_all(descriptors)
        raise
    fds = dict(zip(maps, descriptors, strict=False))  # those of the programs are behind
    return Program(
        config=Map(fds["config"], wire.MESSAGE_LEN),
        fallback=Map(fds["fallback"], wire.MESSAGE_LEN),
        counters=Map(fds["counters"], wire.COUNTERS.size * possible_cpus()),
        images=Map(fds["images"], wire.IMAGE.size),
        output=Map(fds["output"], 4),
        drained=Map(fds["drained"], 8),
        spare=Map(fds["spare"], 0),
        budgets=Map(fds["budgets"], wire.BUDGET.size) if "budgets" in fds else None,
        noting=Map(fds["noting"], 4) if "noting" in fds else None,
        descriptors=dict(zip(programs, descriptors[len(maps) :], strict=True)),
        tracepoint_ids=reply["tracepoints"],
        layout_from=layout_from,
    )


def _source(name: str) -> str:
    """The program with its own headers in place: BCC rewrites map accesses in the main file
    alone."""
    return _INCLUDE.sub(lambda match: _source(match[1]), (HERE / "c" / name).read_text())


_INCLUDE = re.compile(r'^#include "([a-z_.]+)"$', re.MULTILINE)


def _layout(path: Path, kprobes: Machine | None, interrupt: int | None) -> tuple[str, list[str]]:
    """Where what is known of the kernel's structs is from, and the flags that say it."""
    btf = offsets.read_btf(path)
    if btf is not None:
        flags = offsets.flags(offsets.from_btf(btf, kprobes))
        if btf.parameters("btf_trace_sched_process_exit") == 3:  # the context, task, group_dead
            flags.append("-DEXIT_TELLS_GROUP_DEAD")
        return f"BTF at {path}", flags
    headers = requirements.kernel_headers()
    if headers is None:
        raise KernelError(f"{no_layout(path)}: {MEND_LAYOUT}")
    try:
        return f"headers in {headers}", offsets.flags(_ask_headers(kprobes, interrupt))
    except Interrupted:
        raise
    except KernelError as error:
        raise KernelError(
            f"no BTF at {path}, and the kernel headers in {headers} do not serve: {error}"
        ) from error


def no_layout(path: Path) -> str:
    """What is missing where neither BTF nor headers are."""
    return f"no BTF at {path} and no kernel headers at {requirements.headers_path()}"


MEND_LAYOUT = (
    "install the headers of the running kernel (Debian: linux-headers-$(uname -r)), or name a "
    "copy of its BTF with --btf"
)


def _ask_headers(kprobes: Machine | None, interrupt: int | None) -> dict[str, int]:
    """Offsets from the kernel's own headers, which take BCC longer than the stand-ins do."""
    request = {
        "source": (HERE / "c/header_offsets.c").read_text() + offsets.question(kprobes),
        "cflags": ["-w"],  # the kernel's headers are not ours to mend
        "maps": [],
        "programs": {},
        "tracepoints": [],
        "record": ["answer"],
    }
    reply, _ = _compile_anywhere(lambda: request, interrupt, kernel_headers=True)
    return {name: size - 1 for name, _, size in reply["layout"]}


def _cflags(kinds: set[str], ring_pages: int, argument_budget: int | None) -> list[str]:
    flags = [
        f"-DCONFIG_MAX={CONFIG_MAX}",
        f"-DIMAGES_MAX={IMAGES_MAX}",
        f"-DCPUS={possible_cpus()}",
        f"-DSPARE_PAGES={SPARE_BYTES // mmap.PAGESIZE}",
        f"-DPAGE_SIZE={mmap.PAGESIZE}",
        f"-DRING_BYTES={ring_pages * mmap.PAGESIZE}LL",
    ]
    if kinds > {"raw_tracepoint"}:
        flags += ["-DATTEMPTS", f"-DATTEMPTS_MAX={ATTEMPTS_MAX}"]
    if "kprobe" in kinds:
        flags.append("-DKPROBES")
    if argument_budget is not None:
        flags.append(f"-DBUDGET={argument_budget}ULL")
    return flags


def _check_layout(layout: list[list[Any]]) -> None:
    compiled = {name: (offset, size) for name, offset, size in layout}
    if compiled != wire.LAYOUT:
        raise KernelError(
            "the compiled program's record differs from bpf/wire.py: "
            f"{sorted(set(compiled.items()) ^ set(wire.LAYOUT.items()))}; reinstall execdb"
        )


def _compile_anywhere(
    ask: Callable[[], dict[str, Any]], interrupt: int | None, *, kernel_headers: bool = False
) -> tuple[dict[str, Any], list[int]]:
    """The first interpreter with the real BCC does the work; it imports BCC while `ask` makes the
    request."""
    reply: dict[str, Any] = {}
    request: dict[str, Any] | None = None
    for interpreter in interpreters():
        earlier = reply
        with Child(interpreter, kernel_headers=kernel_headers) as child:
            request = request or ask()
            reply, descriptors = child.answer(request, interrupt)
        if "error" not in reply:
            return reply, descriptors
        if reply["error"] not in ("no bcc", "wrong bcc"):
            break
        if reply["error"] == "no bcc" and earlier:
            reply = earlier  # a wrong bcc says more than a missing one
    raise KernelError(explain(reply))


class Child:
    """A loader child, which gives one answer and is then ended."""

    def __init__(self, interpreter: str, *, kernel_headers: bool = False) -> None:
        self._channel, theirs = socket.socketpair()
        self._output = open(os.memfd_create("output"), "w+b")  # noqa: SIM115
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if not kernel_headers:
            environment["BCC_KERNEL_SOURCE"] = str(HERE / "c/headers")
        with theirs:
            self._process = subprocess.Popen(
                [interpreter, "-I", str(HERE / "loader_child.py")],
                stdin=theirs.fileno(),
                stdout=self._output,
                stderr=self._output,
                env=environment,
                cwd="/",
            )
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)  # not every caller may raise it
        limit = _OUTPUT_MAX if most == resource.RLIM_INFINITY else min(_OUTPUT_MAX, most)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (limit, limit))

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()
        self._channel.close()
        self._output.close()

    def _end(self) -> None:
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may wait for a disk
            self._process.wait(_GRACE_S)

    def answer(
        self, request: dict[str, Any], interrupt: int | None = None
    ) -> tuple[dict[str, Any], list[int]]:
        """Its reply, `{"error": ...}` among them, with what it printed, and the descriptors.
        Raises Interrupted."""
        reply, descriptors = _converse(self._channel, request, interrupt)
        self._end()
        self._output.seek(0)
        reply["output"] = self._output.read(1 << 20).decode(errors="replace")
        return reply, descriptors


class _Patience:
    """Waits for the child until it is late, or until whoever asked has had enough."""

    def __init__(self, channel: socket.socket, interrupt: int | None) -> None:
        self._channel, self._interrupt = channel, interrupt
        self._deadline_s = time.monotonic() + TIMEOUT_S

    def until(self, event: int) -> None:
        """Raises TimeoutError, Interrupted."""
        poll = select.poll()
        poll.register(self._channel, event)
        if self._interrupt is not None:
            poll.register(self._interrupt, select.POLLIN)
        left_ms = max(0.0, self._deadline_s - time.monotonic()) * 1000
        ready = [fd for fd, _ in poll.poll(left_ms)]
        if self._interrupt in ready:
            raise Interrupted("interrupted while the program was loaded")
        if not ready:
            raise TimeoutError


def _converse(
    channel: socket.socket, request: dict[str, Any], interrupt: int | None
) -> tuple[dict[str, Any], list[int]]:
    expected = ["bpf-map"] * len(request["maps"]) + ["bpf-prog"] * len(request["programs"])
    patience = _Patience(channel, interrupt)
    data, descriptors = b"", []
    try:
        _send(channel, json.dumps(request).encode() + b"\n", patience)
        while not data.endswith(b"\n"):
            patience.until(select.POLLIN)
            more, fds, _, _ = socket.recv_fds(channel, 1 << 16, 32, socket.MSG_CMSG_CLOEXEC)
            descriptors += fds
            if not more:
                close_all(descriptors)
                return {"error": "died"}, []
            data += more
            if len(data) > _REPLY_MAX or len(descriptors) > len(expected):
                break
        reply = json.loads(data)
    except Interrupted:
        close_all(descriptors)
        raise
    except TimeoutError:
        close_all(descriptors)
        return {"error": "hangs"}, []
    except OSError:  # it went without a word
        close_all(descriptors)
        return {"error": "died"}, []
    except (ValueError, RecursionError):
        reply = None
    kinds = [name.removeprefix("anon_inode:") for name in names_of(descriptors)]
    if not isinstance(reply, dict) or ("error" not in reply and kinds != expected):
        close_all(descriptors)
        return {"error": "died", "detail": "garbage from the loader"}, []
    return reply, descriptors


def _send(channel: socket.socket, data: bytes, patience: _Patience) -> None:
    channel.setblocking(False)
    rest = memoryview(data)
    with contextlib.suppress(BrokenPipeError):  # it has gone; maybe it left a word
        while rest:
            patience.until(select.POLLOUT)
            rest = rest[channel.send(rest) :]


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
        with Child(interpreter) as child:
            reply, _ = child.answer(request)
        if "error" not in reply:
            return Bcc(True, f"{reply['version']} ({reply['file']}, run by {interpreter})", "")
    return Bcc(False, "not found", explain(reply))


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
    return (errors or lines[-1:] or [""])[0][:_LINE_MAX]
