"""Execs that are to fail: where they are made, and what they are; either may be written first."""

from array import array

from execdb.livereplay.tape.tape import Tape

_NO_EXEC = 0x7FFF_FFFF  # instead of an entry


class Attempts:
    """By node, in 4 bytes: 0; the entry + 1 where its process makes it; or, if the row came first,
    -(the entry) of the exec that was written then, apart from everything else."""

    def __init__(self, tape: Tape, nodes: int) -> None:
        self._tape = tape
        self._known = array("i", [0]) * nodes

    def make(self, node: int) -> None:
        """The process makes it at the next entry."""
        tape, entry = self._tape, -self._known[node]
        if not entry:
            self._known[node] = tape.call("execve") + 1
        elif entry != _NO_EXEC:
            there = tape.jump()
            tape.continue_at(there, entry)
            tape.continue_at(entry + 1, there + 1)

    def row(self, node: int, arguments: tuple[int, int, int] | None) -> None:
        """What it is: addresses, or None if it cannot be made to fail."""
        tape, entry = self._tape, self._known[node] - 1
        if entry < 0:
            self._known[node] = -_NO_EXEC if arguments is None else -tape.here()
            if arguments is not None:
                tape.call("execve", *arguments)
                tape.jump()  # back to its process
        elif arguments is None:
            tape.cancel(entry)
        else:
            for which, address in enumerate(arguments, 1):
                tape.set_argument(entry, which, address)
