"""Shippers of a file, in this process."""

from contextlib import closing
from pathlib import Path

from execdb.store.central.shipping.outbox import Outbox
from execdb.store.central.shipping.shipper import ShipOptions, Shipped, Shipper
from execdb.store.central.url import CentralUrl
from execdb.store.file.database import Database, open_database

BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


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
