"""How the collector waits between two drains: asleep while nothing happens. Pure.

A record that finds the collector asleep wakes it. That shows an exec at once and costs nothing
while there is none, but takes longer than the record itself. So where many come, the rings are
drained at intervals instead, and no record wakes.
"""

DRAIN_S = 0.1  # how often the rings are emptied while many records come
GATHER_S = 0.01  # after a record woke: what comes with it, in order (see `collect.Collector`)
OVERDUE_S = 1.7  # asleep: how soon a ledger is tried again that could not be written
_PER_S = 30.0  # records a second in the long run that are few; an exec has two, with its end
_BURST = 30.0  # and at once
_ALERT_S = 0.5  # how long a commit of others takes, at most, from its first byte in the file


class Rest:
    """Whether few records come (a token bucket), and whether others touch the file."""

    def __init__(self) -> None:
        self._tokens = _BURST
        self._at_s: float | None = None
        self._alert_s = 0.0
        self._gathered = False

    def took(self, records: int, now_s: float) -> None:
        """A drain brought so many records."""
        passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._at_s = now_s
        self._tokens = min(_BURST, self._tokens + passed_s * _PER_S)
        self._tokens = max(-_BURST, self._tokens - records)

    def touched_by_others(self, now_s: float) -> None:
        """Another program writes to the file now: its commit is still to come."""
        self._alert_s = now_s + _ALERT_S

    def wait_s(self, now_s: float, *, waiting: bool, untidy: bool) -> float | None:
        """How long to wait before the next drain; None: asleep. `waiting`: whether events have been
        read that are not stored; `untidy`: whether there is more to remove from the file."""
        gathered, self._gathered = self._gathered, False
        if self._tokens <= 0 or untidy or now_s < self._alert_s:
            return DRAIN_S
        if not waiting:
            return None
        if gathered:  # the database takes nothing now
            return DRAIN_S
        self._gathered = True
        return GATHER_S
