"""Hosts of which nothing comes any more, though their collectors have not ended."""

from collections.abc import Iterable

from execdb.store.central.asking.roster import Run

_SILENT_US = 60_000_000  # a forwarder says every 5 s that its host records


class Silence:
    """By the store's clock."""

    def __init__(self) -> None:
        self._heard_us: dict[str, int] = {}  # of hosts whose latest run has no end
        self._latest: dict[str, int] = {}  # when that run began
        self._said: set[str] = set()

    def learn(self, runs: Iterable[tuple[Run, int]]) -> None:
        """Runs, and when something last came of each."""
        for run, heard_us in runs:
            began_ns = run.started_ns or 0
            if began_ns < self._latest.get(run.host, began_ns):
                continue
            self._latest[run.host] = began_ns
            self._heard_us.pop(run.host, None)
            if run.ended is None:
                self._heard_us[run.host] = heard_us
                self._said.discard(run.host)

    def new(self, now_us: int) -> list[tuple[str, int]]:
        """Hosts that are silent and were not when this was last asked, and since when."""
        found = [
            (host, heard_us)
            for host, heard_us in self._heard_us.items()
            if now_us - heard_us > _SILENT_US and host not in self._said
        ]
        self._said.update(host for host, _ in found)
        return found

    @property
    def all(self) -> bool:
        """Whether every host is silent, or has ended."""
        return self._heard_us.keys() <= self._said
