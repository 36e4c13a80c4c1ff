"""A forwarder that may only read the file of a host whose config was managed."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from execdb.store.central.shipping.outbox import Outbox
from execdb.store.central.shipping.shipper import ShipOptions, Shipper
from execdb.store.central.url import CentralUrl
from execdb.store.file.database import open_database
from tests.central.conftest import Central
from tests.central.shippers import BOOT_ID
from tests.central.stores import Recorder, some_execs
from tests.conftest import EXECDB, Answer
from tests.others import others_can_run_it

Run = Callable[..., Answer]


@others_can_run_it
def test_it_ships_and_says_that_the_config_is_still_managed(central: Central, run: Run) -> None:
    assert run("config", "set", "0", "Hey root!", "--db", central.admin).code == 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "execdb.db"
        recorder = Recorder(path)
        recorder.write(some_execs(3))
        options = ShipOptions(config=True)
        with open_database(path) as database:
            outbox = Outbox(database, BOOT_ID, 0, None)
            with closing(Shipper(outbox, CentralUrl(central.url), options)) as shipper:
                for _ in shipper.step():
                    pass
        recorder.write(some_execs(4, first=50))
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").chmod(0o644)
        done = subprocess.run(
            [EXECDB, "--db", path, "ship", "--to", central.url, "--once"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd="/",
            env={**os.environ, "HOME": "/"},
            user=65_534,
            group=65_534,
            extra_groups=[],
        )
        recorder.close()
    assert done.stdout.startswith("shipped 4 execs")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert "the config still comes from postgresql://web1:***@" in done.stderr
