"""Puts programs that ran at the same time beside each other. Pure."""

import re
from heapq import heappop, heappush

from execdb.store.event import Event

_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?:/|$)")


def group_of(event: Event) -> str:
    """What started the program, as one heading: a container, a login or cron job, a service."""
    container = getattr(event, "container", None)
    if container:
        return f"container {container[:12]}"
    units = _UNIT.findall(event.cgroup or "")
    unit = units[0] if units else ""
    if event.sessionid is not None and unit in ("", "cron.service", "crond.service"):
        what = "cron job" if unit else "login"
        return f"{what}, session {event.sessionid} of uid {event.loginuid}"
    if unit.startswith("session-"):
        return f"login, {unit} of uid {event.loginuid}"
    return unit or event.cgroup or "no cgroup"


class Lanes:
    """The lanes of a group, numbered from 0: in each, one program runs at a time."""

    def __init__(self) -> None:
        self._last: list[tuple[int, int | None]] = []  # of each lane: (pid, end); None: it runs
        self._free: list[int] = []  # a heap of lanes; some are taken since
        self._busy: list[tuple[int, int]] = []  # a heap of (end, lane)
        self._of_pid: dict[int, int] = {}  # of the last program of each lane

    def place(self, pid: int, begin_ns: int, end_ns: int | None) -> int:
        """The lane of a program, where possible that of the image which it replaces. Programs are
        given in the order of their beginnings; None: it still runs."""
        while self._busy and self._busy[0][0] <= begin_ns:
            heappush(self._free, heappop(self._busy)[1])
        lane = self._of_pid.get(pid)
        if lane is None or not self._is_free(lane, begin_ns):
            lane = self._first_free(begin_ns)
        if self._of_pid.get(before := self._last[lane][0]) == lane:
            del self._of_pid[before]
        self._last[lane] = pid, end_ns
        self._of_pid[pid] = lane
        if end_ns is not None:
            heappush(self._busy, (end_ns, lane))
        return lane

    def _first_free(self, begin_ns: int) -> int:
        while self._free:
            lane = heappop(self._free)
            if self._is_free(lane, begin_ns):
                return lane
        self._last.append((-1, None))
        return len(self._last) - 1

    def _is_free(self, lane: int, begin_ns: int) -> bool:
        end_ns = self._last[lane][1]
        return end_ns is not None and end_ns <= begin_ns
