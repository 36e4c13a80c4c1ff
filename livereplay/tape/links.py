"""References from one part of a tape to another, of which either may be written first."""

from array import array

from execdb.livereplay.planning.plan import NONE
from execdb.livereplay.tape.tape import Tape


class Links:
    """By node: the entry that leads to it or, until that is known, the one where it begins; of a
    fork its clone or, until that is known, the kill that ends its process, which needs the pid that
    clone writes down."""

    def __init__(self, tape: Tape, nodes: int) -> None:
        self._tape = tape
        self._known = array("i", [0]) * nodes  # lead + 1, or -(begin + 1)
        self._clones = array("i", [NONE]) * nodes  # or -(kill + 2)

    def begin(self, node: int) -> None:
        """The node begins at the next entry."""
        here, lead = self._tape.here(), self._known[node] - 1
        if lead >= 0:
            self._tape.continue_at(lead, here)
        self._known[node] = -(here + 1)

    def lead(self, entry: int, node: int) -> None:
        """The entry is to continue where the node begins."""
        begin = -self._known[node] - 1
        if begin >= 0:
            self._tape.continue_at(entry, begin)
        self._known[node] = entry + 1

    def clone(self, entry: int, fork: int) -> None:
        """The entry makes the process of that fork."""
        kill = -self._clones[fork] - 2
        self._clones[fork] = entry
        if kill < 0:
            self._tape.set_argument(entry, 3, self._tape.scratch)
        else:
            self._write_pid(entry, kill)

    def kill(self, entry: int, process: int) -> None:
        """The entry is to send its signal to that process."""
        if self._clones[process] < 0:
            self._clones[process] = -entry - 2
        else:
            self._write_pid(self._clones[process], entry)

    def _write_pid(self, clone: int, kill: int) -> None:
        """CLONE_PARENT_SETTID: clone(2) writes the pid into the argument of kill."""
        self._tape.set_argument(clone, 3, Tape.argument_at(kill, 1))
