"""`execdb ship`: continues to ship whatever happens, and says once what is wrong."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from execdb.cli.output.streams import say
from execdb.cli.session.stop import Stop
from execdb.store.central.errors import CentralRefusal
from execdb.store.central.shipping.copying import Redact
from execdb.store.central.shipping.outbox import Outbox
from execdb.store.central.shipping.shipper import ShipOptions, Shipper
from execdb.store.central.url import CentralUrl
from execdb.store.errors import DatabaseError, ExecdbError
from execdb.store.file.database import Database, open_database

INTERVAL_S = 5.0
_RETRY_S = 0.2, 60.0  # after the first error in a row, and at most
_REFUSED = 20  # failures: one that is refused waits as long as after so many
_AGAIN_S = 3_600.0  # how often the same error is said
_DIFFERENT_MAX = 20  # errors said in that time


@dataclass
class Tally:
    """What was shipped so far."""

    events: int = 0
    ends: int = 0


@dataclass(frozen=True)
class Shipping:
    """What to ship where. `settle_ns` is how long rows wait for their end."""

    path: Path
    url: CentralUrl
    boot_id: str
    settle_ns: int
    redact: Redact | None
    options: ShipOptions

    def once(self, tally: Tally) -> None:
        """All that there is now. Raises ExecdbError."""
        with open_database(self.path) as database, self._shipper(database) as shipper:
            while _step(shipper, tally, lambda: False):
                pass

    def until(self, stop: Stop, tally: Tally) -> None:
        """Goes on until asked to stop. Raises ExecdbError if the file cannot be opened at the
        start, and CentralRefusal if the store refuses before anything was shipped: what is wrong
        then was always wrong. Later, somebody may be about to correct it."""
        open_database(self.path).close()
        said, failures, worked = _Said(), 0, False
        while not stop.asked():
            try:
                with open_database(self.path) as database, self._shipper(database) as shipper:
                    while not stop.asked() and _is_there(database):
                        more = _step(shipper, tally, stop.asked)
                        said.works()
                        failures, worked = 0, True
                        if not more:
                            stop.wait(INTERVAL_S * random.uniform(0.8, 1.2))
            except CentralRefusal as error:
                if not worked:
                    raise
                said.error(error, each_time=True)
                stop.wait(retry_s(_REFUSED, random.random()))
            except ExecdbError as error:
                said.error(error)
                stop.wait(retry_s(failures, random.random()))
                failures += 1

    @contextlib.contextmanager
    def _shipper(self, database: Database) -> Iterator[Shipper]:
        outbox = Outbox(database, self.boot_id, self.settle_ns, self.redact)
        with contextlib.closing(Shipper(outbox, self.url, self.options)) as shipper:
            if not shipper.encrypted:
                say("note: the connection is not encrypted: add ?sslmode=verify-full to the URL")
            yield shipper


def retry_s(failures: int, part: float) -> float:
    """How long to wait after so many failures before this one: up to twice as long with each, and
    a random `part` (0 to 1) of half of it less, so that many hosts do not come at once."""
    first, most = _RETRY_S
    whole = min(most, first * float(2 ** min(failures, 20)))
    return whole * (1 - part / 2)


def _step(shipper: Shipper, tally: Tally, stopped: Callable[[], bool]) -> bool:
    """Whether there is more to ship at once."""
    more = False
    for shipped in shipper.step():
        tally.events += shipped.events
        tally.ends += shipped.ends
        more |= shipped.more
        if stopped():
            break
    return more


def _is_there(database: Database) -> bool:
    """Raises DatabaseError if the file has another name now, or none."""
    if not database.is_there():
        database.abandon()  # closing it would remove the WAL beside the new file
        raise DatabaseError(f"{database.path} was replaced")
    return True


class _Said:
    """Says an error when it is new, each hour or `each_time`, and when all is over. What an outage
    looks like may alternate: a server that is gone, one that starts."""

    def __init__(self) -> None:
        self._at_s: dict[str, float] = {}

    def error(self, error: ExecdbError, *, each_time: bool = False) -> None:
        text, now_s = str(error), time.monotonic()
        late = {said: at_s for said, at_s in self._at_s.items() if now_s - at_s <= _AGAIN_S}
        if each_time or (text not in late and len(late) < _DIFFERENT_MAX):
            say(f"execdb: {text}; trying again")
            late[text] = now_s
        self._at_s = late

    def works(self) -> None:
        if self._at_s:
            say("shipping again")
            self._at_s = {}
