"""The plan of a live replay: which processes there are, who forks whom and when, and how each ends.

A plan consists of nodes, which are numbers. A node is one phase of a process: a fork that has not
called exec yet, the image of a recorded exec, or a program that ran before the recording. A failed
attempt to exec is a node as well, a step of its process. Nodes are stored as columns, about 50
bytes each. A node comes before the nodes that follow from it: its forks, attempts and next image.
"""

from array import array
from collections.abc import Iterator
from enum import IntEnum
from typing import Protocol

LEAD_NS = 200_000  # a fork comes that long before its exec
LIFE_NS = 1_000_000  # of an image whose end nobody knows, at least
CLOSE_NS = 20_000_000  # a parent that ends so soon after a child's exec waits until that is done
TIME_MAX_NS = 1 << 61
NONE, INIT = -1, 0
UNKNOWN_NS = -(1 << 62)
UNKNOWN, REPLACED, SIGNAL = -1, -2, 256  # statuses: else an exit code, or SIGNAL + its number


class Kind(IntEnum):
    """What a node is."""

    FORK = 0
    IMAGE = 1
    SEEN = 2  # an image that is there from the beginning
    TRY = 3


ORPHAN, WATCHED = 1, 2  # flags: its parent is to be gone at its exec; a parent waits for its start


class Row(Protocol):
    """What a plan needs of an event."""

    id: int
    boot_ns: int
    time_ns: int
    boot_id: str
    pid: int
    ppid: int
    parent_id: int | None
    errno: str | None
    ended: str | None
    exit_code: int | None
    signal: int | None
    duration_ns: int | None


class Plan:
    """The columns. `came_from` of a fork is the node that forks it, of an image the node that
    becomes it, of an attempt the one that makes it; `then` is the image that a node becomes, or
    NONE; `first` and `next_` list the steps of a node in their order; `process` of an image is the
    fork that became it, directly or by other images. Times are ns: those of the history until they
    are timed (times.py), then since the start. `last_ns`, when the last image of a process ends, is
    there only while they are timed."""

    def __init__(self) -> None:
        self.kind, self.flags = bytearray(), bytearray()
        self.pid = array("I")
        self.begin_ns, self.end_ns, self.last_ns = array("q"), array("q"), array("q")
        self.came_from, self.then, self.process = array("i"), array("i"), array("i")
        self.first, self.last, self.next_ = array("i"), array("i"), array("i")
        self.status = array("h")
        self.of_row = array("i")  # the node of each row, in order
        self.seen: dict[int, Row] = {}  # programs from before, by node
        self.ends_known = False
        self.guessed_ends = self.attempts = self.at_most = self.duration_ns = 0
        self.add(Kind.FORK, 1, NONE)
        self.begin_ns[INIT] = 0

    def __len__(self) -> int:
        return len(self.kind)

    def add(self, kind: Kind, pid: int, came_from: int) -> int:
        """A new node. Its number."""
        node = len(self.kind)
        self.kind.append(kind)
        self.flags.append(0)
        self.pid.append(pid & 0xFFFF_FFFF)
        for column in (self.begin_ns, self.end_ns):
            column.append(UNKNOWN_NS)
        self.came_from.append(came_from)
        self.process.append(node)
        for links in (self.then, self.first, self.last, self.next_):
            links.append(NONE)
        self.status.append(UNKNOWN)
        return node

    def add_step(self, kind: Kind, pid: int, of: int) -> int:
        """A fork or an attempt, as the next step of a node."""
        node = self.add(kind, pid, of)
        if self.first[of] == NONE:
            self.first[of] = node
        else:
            self.next_[self.last[of]] = node
        self.last[of] = node
        return node

    def become(self, node: int, kind: Kind) -> int:
        """The image that a node becomes."""
        image = self.add(kind, self.pid[node], node)
        self.then[node] = image
        self.process[image] = self.process[node]
        return image

    def complete(self) -> None:
        """There will be no more nodes: gives back the memory that only adding them takes."""
        del self.pid[:], self.last[:], self.process[:]

    def process_of(self, node: int) -> int:
        """The fork that became this image, also of a complete plan."""
        while self.kind[node] in (Kind.IMAGE, Kind.SEEN):
            node = self.came_from[node]
        return node

    def steps(self, node: int) -> Iterator[int]:
        """In their order."""
        step = self.first[node]
        while step != NONE:
            yield step
            step = self.next_[step]

    def is_image(self, node: int) -> bool:
        """Whether it is a program, seen or recorded."""
        return self.kind[node] in (Kind.IMAGE, Kind.SEEN)
