"""`collect` refuses a forged database in a line and attaches nothing; a bad config is a warning."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.bpf_state import no_program_is_left
from tests.kernel.recorder import EXECDB
from tests.running.thorough import first

GREATEST = 2**63 - 1
FORGED = {
    "a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM config; END",
        "is not to be trusted: trigger t on run",
    ),
    "a view in place of a table": (
        "ALTER TABLE config RENAME TO c; CREATE VIEW config AS SELECT * FROM c",
        "is not to be trusted: its view config",
    ),
    "the greatest id taken": (
        f"INSERT INTO run (id, kind, host, boot_id) VALUES ({GREATEST}, 'collect', 'h', 'b')",
        "",
    ),
}


@pytest.mark.parametrize(("sql", "sentence"), first(1, FORGED.values()), ids=list(FORGED))
def test_is_refused_in_a_line(tmp_path: Path, template: Path, sql: str, sentence: str) -> None:
    db = tmp_path / "execdb.db"
    shutil.copy(template, db)
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript(sql)
    done = subprocess.run(
        [EXECDB, "--db", db, "collect", "--for", "0.1"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == (1 if sentence else 0), done.stderr
    *begun, last = done.stderr.splitlines()
    assert sentence in last
    assert begun == [] if sentence else last.startswith("recorded ")
    no_program_is_left()


BAD_CONFIG = {
    "a message too long": ("INSERT INTO config VALUES (0, 'x23456789abcdef')", "uid 0: "),
    "a message that is none": ("INSERT INTO config VALUES (0, x'ff')", "uid 0: "),
    "a uid that is none": ("INSERT INTO config VALUES (-5, 'x')", "uid -5: "),
    "no state": ("DELETE FROM config_state", ""),  # it is made again, and logged as found
    "a default that is none": (
        "UPDATE config_state SET default_message = x'ff'",
        "the default message: ",
    ),
    "no generation": ("UPDATE config_state SET generation = x'00'", ""),
}


@pytest.mark.parametrize(("sql", "what"), first(1, BAD_CONFIG.values()), ids=list(BAD_CONFIG))
def test_a_config_that_is_bad_is_warned_of(
    tmp_path: Path, template: Path, sql: str, what: str
) -> None:
    db = tmp_path / "execdb.db"
    shutil.copy(template, db)
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript(f"INSERT INTO config VALUES (7, 'seven'); {sql}")
    done = subprocess.run(
        [EXECDB, "--db", db, "collect", "--for", "0.1"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == bool(what)
    assert all(f"that the kernel cannot hold: {what}" in line for line in warnings)
