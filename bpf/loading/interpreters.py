"""The Python interpreters that may have BCC: finds one that does, and lets it do the work."""

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

from execdb.bpf.errors import KernelError
from execdb.bpf.loading.child import Child
from execdb.bpf.loading.conversation import Reply, Request
from execdb.bpf.loading.explain import explain


class Answer(NamedTuple):
    """What a loader child was asked and replied, and the descriptors that came with the reply."""

    request: Request
    reply: Reply
    descriptors: list[int]


class Bcc(NamedTuple):
    """Whether the real BCC is there, where, and how to fix it if not."""

    ok: bool
    found: str
    fix: str


def interpreters() -> list[str]:
    """Where BCC may be found: the distribution's Python, then the one that runs this."""
    found = ["/usr/bin/python3", sys.executable]
    return [path for path in dict.fromkeys(found) if path and os.access(path, os.X_OK)]


def ask_bcc(
    make_request: Callable[[], Request],
    interrupt: int | None,
    asked: Callable[[], None] = lambda: None,
    *,
    kernel_headers: bool = False,
) -> Answer:
    """The answer of the first interpreter that has the real BCC. `make_request` is called while the
    first child imports BCC, which takes about as long; then `asked` is called. Raises KernelError,
    and Interrupted as soon as the descriptor `interrupt` has something to read."""
    reply: Reply = {}
    request: Request | None = None
    for interpreter in interpreters():
        earlier = reply
        with Child(interpreter, kernel_headers=kernel_headers) as child:
            request = request or make_request()
            asked()
            reply, descriptors = child.answer(request, interrupt)
        if "error" not in reply:
            return Answer(request, reply, descriptors)
        if reply["error"] not in ("no bcc", "wrong bcc"):
            break
        if reply["error"] == "no bcc" and earlier:
            reply = earlier  # "the wrong bcc" explains more than "no bcc"
    raise KernelError(explain(reply))


def find_bcc() -> Bcc:
    """Looks for BCC as loading does, without loading anything."""
    reply: Reply = {}
    for interpreter in interpreters():
        with Child(interpreter) as child:
            reply, _ = child.answer(Request(source=None))
        if "error" not in reply:
            return Bcc(True, f"{reply['version']} ({reply['file']}, run by {interpreter})", "")
    return Bcc(False, "not found", explain(reply))
