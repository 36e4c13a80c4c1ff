"""The conversation with a loader child: one request, one reply, over a socket.

The child runs code of others (BCC, LLVM): what it sends is bounded and checked.
"""

import contextlib
import json
import select
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from execdb.bpf.errors import Interrupted
from execdb.bpf.program import close_all, names_of

TIMEOUT_S = 600  # a compile through real kernel headers on a slow machine takes minutes
_REPLY_MAX = 1 << 20  # bytes

Reply = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What the child is to do; without `source` it only says which BCC it has.

    The reply's descriptors are those of `maps` and of `programs` (name -> kind of hook), in this
    order. `record` names a map, and members within its values, whose layout the reply tells;
    `tracepoints` those whose numbers it tells."""

    source: str | None
    cflags: Sequence[str] = ()
    maps: Sequence[str] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    tracepoints: Sequence[str] = ()
    record: Sequence[str] = ()

    @property
    def descriptor_kinds(self) -> list[str]:
        """What the kernel calls the descriptors of a good reply."""
        return ["bpf-map"] * len(self.maps) + ["bpf-prog"] * len(self.programs)


def converse(
    channel: socket.socket, request: Request, interrupt: int | None
) -> tuple[Reply, list[int]]:
    """The child's reply and its descriptors. Where it fails the reply is `{"error": ...}`, with
    `died` or `hangs` if the child did not say so itself, and there are no descriptors. Raises
    Interrupted as soon as the descriptor `interrupt` has something to read."""
    deadline = _Deadline(channel, interrupt)
    descriptors: list[int] = []
    try:
        _send(channel, json.dumps(asdict(request)).encode() + b"\n", deadline)
        reply = _receive(channel, request, deadline, descriptors)
        if "error" not in reply:
            return reply, descriptors
    except Interrupted:
        close_all(descriptors)
        raise
    except TimeoutError:
        reply = {"error": "hangs"}
    except OSError:  # the child ended before it said anything
        reply = {"error": "died"}
    except (ValueError, RecursionError):  # of JSON
        reply = {"error": "died", "detail": "garbage from the loader"}
    close_all(descriptors)
    return reply, []


class _Deadline:
    """Waits for the child, at most TIMEOUT_S over all waits."""

    def __init__(self, channel: socket.socket, interrupt: int | None) -> None:
        self._channel, self._interrupt = channel, interrupt
        self._deadline_s = time.monotonic() + TIMEOUT_S

    def wait_for(self, event: int) -> None:
        """Returns once `event` (POLLIN, POLLOUT) is true of the channel. Raises TimeoutError,
        Interrupted."""
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


def _send(channel: socket.socket, data: bytes, deadline: _Deadline) -> None:
    channel.setblocking(False)
    rest = memoryview(data)
    with contextlib.suppress(BrokenPipeError):  # it has ended, perhaps after it sent an error
        while rest:
            deadline.wait_for(select.POLLOUT)
            rest = rest[channel.send(rest) :]


def _receive(
    channel: socket.socket, request: Request, deadline: _Deadline, descriptors: list[int]
) -> Reply:
    """Adds the descriptors to the list as they arrive. Raises TimeoutError, Interrupted, OSError if
    the child ends in the middle, ValueError or RecursionError for what is not a reply."""
    expected, data = request.descriptor_kinds, b""
    while not data.endswith(b"\n"):
        deadline.wait_for(select.POLLIN)
        more, fds, _, _ = socket.recv_fds(channel, 1 << 16, 32, socket.MSG_CMSG_CLOEXEC)
        descriptors += fds
        if not more:
            raise ConnectionError("ended without a whole reply")
        data += more
        if len(data) > _REPLY_MAX or len(descriptors) > len(expected):
            raise ValueError("more than any reply has")
    reply = json.loads(data)
    kinds = [name.removeprefix("anon_inode:") for name in names_of(descriptors)]
    if not isinstance(reply, dict) or ("error" not in reply and kinds != expected):
        raise ValueError("not a reply")
    return reply
