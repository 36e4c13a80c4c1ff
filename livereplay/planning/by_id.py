"""Which node a row became, by its id, in 12 bytes for each row."""

from array import array
from bisect import bisect_left

_RUNS_MAX = 64  # looked through for each row


class ById:
    """Nodes by id. Rows of one segment come in the order of their ids; where segments overlap in
    time, each makes a run of its own. In a file with more of these than that, the rest takes ten
    times as much memory."""

    def __init__(self) -> None:
        self._runs: list[tuple[array[int], array[int]]] = []  # ids in order, and their nodes
        self._rest: dict[int, int] = {}

    def __setitem__(self, number: int, node: int) -> None:
        ends = [run for run in self._runs if run[0][-1] < number]
        if ends:
            ids, nodes = max(ends, key=lambda run: run[0][-1])
        elif len(self._runs) < _RUNS_MAX:
            ids, nodes = array("q"), array("i")
            self._runs.append((ids, nodes))
        else:
            self._rest[number] = node
            return
        ids.append(number)
        nodes.append(node)

    def get(self, number: int) -> int | None:
        """The node; None if there is no such row."""
        for ids, nodes in self._runs:
            at = bisect_left(ids, number)
            if at < len(ids) and ids[at] == number:
                return nodes[at]
        return self._rest.get(number)
