"""Shippers of a file: in this process, and as a process of their own."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from execdb.store.central.shipping.outbox import Outbox
from execdb.store.central.shipping.shipper import ShipOptions, Shipped, Shipper
from execdb.store.central.url import CentralUrl
from execdb.store.file.database import Database, open_database
from tests.central.conftest import Central
from tests.conftest import EXECDB
from tests.processes.process import Process

BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


Shipping = Process[str]


def a_shipper(database: Database, url: str, answer_s: float = 10.0) -> Shipper:
    outbox = Outbox(database, BOOT_ID, 0, None)
    return Shipper(outbox, CentralUrl(url), ShipOptions(answer_s=answer_s))


def all_of(shipper: Shipper) -> list[Shipped]:
    done: list[Shipped] = []
    while not done or any(shipped.more for shipped in done[-2:]):
        done += shipper.step()
    return done


def ship(path: Path, url: str, answer_s: float = 10.0) -> list[Shipped]:
    with open_database(path) as database, closing(a_shipper(database, url, answer_s)) as shipper:
        return all_of(shipper)


@contextmanager
def shipping(path: Path, url: str) -> Iterator[Shipping]:
    command = [str(EXECDB), "--db", str(path), "ship", "--to", url, "--settle", "0"]
    with Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        try:
            yield it
        finally:
            it.kill()


def shipped(central: Central) -> int:
    return int(central.value("SELECT coalesce(sum(shipped), 0) FROM execdb.run"))


def end(process: Shipping) -> list[str]:
    """Asks it to end, and returns the lines that it said after its first."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return err.splitlines()[1:]
