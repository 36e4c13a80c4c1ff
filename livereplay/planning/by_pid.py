"""Which node a pid stands for at the moment, in 4 bytes for each pid."""

from array import array

from execdb.livereplay.planning.plan import NONE

_PID_LIMIT = 1 << 22  # PID_MAX_LIMIT of linux/threads.h: no pid is that large
_MORE = array("i", [NONE]) * (1 << 16)


class ByPid:
    """Nodes by pid. Pids that no kernel gives, as a forged file may have, are never found."""

    def __init__(self) -> None:
        self._nodes = array("i")

    def __setitem__(self, pid: int, node: int) -> None:
        if 0 <= pid < _PID_LIMIT:
            while pid >= len(self._nodes):
                self._nodes.extend(_MORE)
            self._nodes[pid] = node

    def get(self, pid: int) -> int | None:
        """The node that was set last."""
        node = self._nodes[pid] if 0 <= pid < len(self._nodes) else NONE
        return None if node == NONE else node

    def clear(self) -> None:
        """Forgets all of them."""
        del self._nodes[:]
