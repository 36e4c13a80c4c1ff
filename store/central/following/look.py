"""Which runs of a central store have changed since they were last looked at."""

from execdb.store.central.asking.roster import Run, run_of
from execdb.store.central.asking.session import Session

_SLACK_US = 60_000_000  # longer than a forwarder's transaction takes
_WHOLE_US = 60_000_000  # after this long all are looked at, for what took longer


class Looks:
    """Looks at the runs by when something last came of them, by the store's clock. Raises
    CentralError."""

    def __init__(self) -> None:
        self._since_us: int | None = None
        self._whole_us = 0
        self._heard_us: dict[int, int] = {}
        self.now_us = 0  # of the store's clock, at the latest look

    def again(self) -> None:
        """It may be another server now, or an older copy: the next look is at all runs."""
        self._since_us = None

    def changed(self, session: Session) -> list[tuple[Run, int]]:
        """In the order in which something came of them, with that time (us)."""
        self.now_us = int(session.rows(_NOW)[0][0])
        if abs(self.now_us - self._whole_us) >= _WHOLE_US:
            self._since_us = None
        if self._since_us is None:
            self._whole_us = self.now_us
        changed = []
        for *row, heard_us in session.rows(_RUNS, (self._since_us, self._since_us)):
            run = run_of(row)
            if self._heard_us.get(run.run_id) != heard_us:
                self._heard_us[run.run_id] = heard_us
                changed.append((run, heard_us))
        self._since_us = self.now_us - _SLACK_US
        return changed


def _micros(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


_NOW = f"SELECT {_micros('clock_timestamp()')}"
_RUNS = (
    f"SELECT {', '.join(Run._fields)}, {_micros('shipped_at')} FROM execdb.run"
    " WHERE %s::bigint IS NULL OR shipped_at >= to_timestamp(%s / 1e6) ORDER BY shipped_at"
)
