"""The loader child as a process: started with nothing of ours, bounded, and always ended."""

import contextlib
import os
import resource
import socket
import subprocess
from pathlib import Path

from execdb.bpf.loading import source
from execdb.bpf.loading.conversation import Reply, Request, converse

SCRIPT = Path(__file__).absolute().with_name("loader_child.py")
_OUTPUT_MAX = 16 << 20  # bytes that the child may print
_OUTPUT_READ = 1 << 20  # bytes of it that are looked at
_GRACE_S = 2.0  # for the kernel to end a child that was killed


class Child:
    """A loader child, run by `interpreter`; it gives one answer and is then ended. With
    `kernel_headers` it compiles with the running kernel's headers, else with stand-ins."""

    def __init__(self, interpreter: str, *, kernel_headers: bool = False) -> None:
        self._channel, theirs = socket.socketpair()
        self._output = open(os.memfd_create("output"), "w+b")  # noqa: SIM115
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if not kernel_headers:
            environment["BCC_KERNEL_SOURCE"] = str(source.FOLDER / "headers")
        with theirs:
            self._process = subprocess.Popen(
                [interpreter, "-I", str(SCRIPT)],
                stdin=theirs.fileno(),
                stdout=self._output,
                stderr=self._output,
                env=environment,
                cwd="/",
            )
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)  # only some callers may raise it
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
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may be waiting for a disk
            self._process.wait(_GRACE_S)

    def answer(self, request: Request, interrupt: int | None = None) -> tuple[Reply, list[int]]:
        """Its reply, with what it printed as `output`, and the descriptors. Raises Interrupted as
        soon as the descriptor `interrupt` has something to read."""
        reply, descriptors = converse(self._channel, request, interrupt)
        self._end()
        self._output.seek(0)
        reply["output"] = self._output.read(_OUTPUT_READ).decode(errors="replace")
        return reply, descriptors
