"""More than fits into one transaction: open rows, ends, intervals of the ledger."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from execdb.store.account import Loss
from execdb.store.central.shipping import ledger, outbox
from tests.central.conftest import Central
from tests.central.shippers import BOOT_ID, ship
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs
from tests.conftest import EXECDB, MACHINE, START_NS

OPEN = 20_011
HERE = replace(MACHINE, boot_id=BOOT_ID)


def ship_once(path: Path, central: Central) -> str:
    command = [EXECDB, "--db", path, "ship", "--to", central.url, "--once", "--settle", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_more_open_rows_than_are_asked_for_at_once(central: Central, own_database: Path) -> None:
    recorder = Recorder(own_database, HERE)
    execs = some_execs(OPEN)
    for first in range(0, OPEN, 2_000):
        recorder.write(execs[first : first + 2_000])
    assert ship_once(own_database, central).startswith(f"shipped {OPEN} execs")
    recorder.write([], [an_end(execs[0]), an_end(execs[10_007]), an_end(execs[-1])])
    assert ship_once(own_database, central).startswith("shipped 0 execs and 3 later ends")
    assert central.value("SELECT count(*) FROM execdb.execs WHERE ended = 'exit'") == 3
    assert ship_once(own_database, central).startswith("shipped 0 execs and 0 later ends")
    recorder.close()


@pytest.mark.parametrize("asked", [1, 7, 53, 54, 1_000])
def test_each_open_row_is_asked_for_in_a_round(
    central: Central, own_database: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    monkeypatch.setattr(outbox, "_ENDS_ASKED", asked)
    monkeypatch.setattr(outbox, "ROWS", 11)  # also of ends
    recorder = Recorder(own_database)
    execs = some_execs(53)
    recorder.write(execs)
    ship(own_database, central.url)
    recorder.write([], [an_end(each) for each in execs[::2]])
    ship(own_database, central.url)
    assert_shipped(central, own_database)
    recorder.write([], [an_end(each) for each in execs[1::2]])
    recorder.finish()
    ship(own_database, central.url)
    assert_shipped(central, own_database)
    assert central.value("SELECT complete FROM execdb.run")


def test_all_intervals_of_the_ledger_arrive_in_parts(
    central: Central, own_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "ROWS", 7)
    monkeypatch.setitem(ledger._INTERVALS, "loss", _limited(ledger._INTERVALS["loss"]))
    recorder = Recorder(own_database)
    losses = [Loss(n, "ring full", START_NS, START_NS + n // 20, 1) for n in range(1, 54)]
    recorder.write(some_execs(3), losses=losses, lost=53)
    ship(own_database, central.url)
    assert central.rows("SELECT count(*), sum(lost) FROM execdb.loss") == [(53, 53)]
    older = Loss(54, "no space", START_NS - 9, START_NS - 8, 5)  # ends before what is there
    grown = losses[3]._replace(lost=11, to_ns=START_NS + 99)
    recorder.write([], losses=[older, grown], lost=15)
    recorder.finish()
    ship(own_database, central.url)
    assert central.rows("SELECT count(*), sum(lost) FROM execdb.loss") == [(54, 68)]
    assert central.value("SELECT complete FROM execdb.run")


def _limited(statements: tuple[str, str]) -> tuple[str, str]:
    sums, rows = statements
    return sums, rows.replace("LIMIT 2000", "LIMIT 7")
